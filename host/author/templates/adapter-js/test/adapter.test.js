// The adapter itself, with a host that a test plays.
import assert from "node:assert/strict";
import { test } from "node:test";
import { blob } from "seaworthy-adapter";
import { fake } from "seaworthy-adapter/testing";

const { adapter } = await import("../src/adapter.js");
const bytes = (text) => new TextEncoder().encode(text);

function opened(outcome) {
  const asked = [];
  fake("seaworthy:net/http@0.1.0", {
    send: (requests) => requests.map((request) => (asked.push(request), { id: 1, url: request.url, elapsed: 1, outcome })),
  });
  adapter.open('{"url": "http://cache.test"}');
  return asked;
}

const answer = (status, body = "", headers = []) => ({
  tag: "ok",
  val: { status, headers, body: bytes(body), truncated: false, remote: "", details: [] },
});

test("a value is read and stored", () => {
  const asked = opened(answer(200, "v", [["Content-Length", "1"]]));
  assert.deepEqual(adapter.get("k"), blob(bytes("v")));
  adapter.put("k", blob(bytes("new")));
  assert.equal(adapter.stat("k").size, 1);
  assert.deepEqual(
    asked.map(({ method, url, body }) => [method, url, new TextDecoder().decode(body)]),
    [["GET", "http://cache.test/k", ""], ["PUT", "http://cache.test/k", "new"], ["HEAD", "http://cache.test/k", ""]],
  );
});

test("what is not there is a miss", () => {
  opened(answer(404));
  assert.equal(adapter.get("k"), null);
  assert.equal(adapter.stat("k"), null);
  adapter.invalidate("k");
  assert.throws(() => adapter.put("k", blob(bytes("new"))), (error) => error.kind === "configuration");
});

test("no answer is no miss", () => {
  opened({ tag: "err", val: { kind: "timeout", stage: "connect", osCode: null, message: "no answer", details: [] } });
  assert.throws(() => adapter.get("k"), (error) => error.kind === "timed-out" && error.message === "http://cache.test/k: no answer");
});
