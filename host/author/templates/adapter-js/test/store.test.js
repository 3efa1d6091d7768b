import assert from "node:assert/strict";
import { test } from "node:test";
import * as store from "../src/store.js";

function thrown(work) {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

test("a key is one segment", () => {
  const base = "http://cache.test/builds/";
  for (const [key, expected] of [["a/b c?", "a%2Fb%20c%3F"], ["v1.2_x-ä", "v1.2_x-%C3%A4"], ["..", "%2E%2E"]]) {
    assert.equal(store.url(base, key), `http://cache.test/builds/${expected}`);
  }
});

test("absence is no error and an error no absence", () => {
  assert.equal(store.judge("u", 204, null), true);
  assert.equal(store.judge("u", 404, null), false);
  for (const [status, kind, retry] of [
    [302, "other", "permanent"],
    [401, "unauthenticated", "permanent"],
    [403, "forbidden", "permanent"],
    [405, "unsupported", "permanent"],
    [413, "too-large", "permanent"],
    [429, "rate-limited", "temporary"],
    [503, "unreachable", "temporary"],
  ]) {
    const error = thrown(() => store.judge("u", status, 5000));
    assert.deepEqual([error.kind, error.retry], [kind, retry], String(status));
  }
  assert.equal(store.unanswered("timeout", "m").kind, "timed-out");
  assert.equal(store.unanswered("connection-refused", "m").kind, "unreachable");
});

test("headers have no case", () => {
  const headers = [["Content-Length", "12"], ["RETRY-AFTER", " 3"]];
  assert.deepEqual([store.length(headers), store.retryAfter(headers)], [12, 3000]);
  assert.deepEqual([store.length([]), store.retryAfter([["retry-after", "Fri"]])], [null, null]);
});
