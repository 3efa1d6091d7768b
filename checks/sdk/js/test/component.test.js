import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import * as endpoint from "seaworthy-check/endpoint";
import { BrokenCheck, Context, Evidence, Findings, component } from "seaworthy-check";
import { fake } from "seaworthy-check/testing";

const tcp = await import("seaworthy:net/tcp@0.1.0");
const DESCRIPTOR = JSON.stringify({ checks: [{ id: "acme/x" }] });

function reach(context) {
  if (context.text("mode") === "broken") throw new BrokenCheck("`mode` is broken");
  if (context.text("mode") === "bug") return context.absent.too;
  const seen = tcp.connect(context.addresses.map((target) => ({ target, timeout: context.budget })));
  return new Findings().conclude(`${seen.length} asked`, Evidence.of(seen));
}

const checks = component(DESCRIPTOR, { "acme/x": reach });

function raw(settings, ...addresses) {
  const targets = [{ label: "t", kind: "tcp", addresses, details: [] }];
  return { settingsJson: JSON.stringify(settings), settings: [], targets, facts: [], codes: [], budget: 900, vantage: [["offline", "true"]] };
}

function thrown(work) {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

test("the host reaches the function", () => {
  const asked = [];
  fake("seaworthy:net/tcp@0.1.0", { connect: (attempts) => attempts.map((attempt) => (asked.push(attempt), { id: 7 })) });
  const outcome = checks.run("acme/x", raw({}, "cache:1"));
  assert.deepEqual([outcome.summary, outcome.evidence], ["1 asked", [7]]);
  assert.deepEqual(asked, [{ target: "cache:1", timeout: 900 }]);
  assert.equal(checks.describe(), DESCRIPTOR);
});

test("a check that did not look is broken and no pass", () => {
  fake("seaworthy:net/tcp@0.1.0", { connect: () => [] });
  assert.equal(thrown(() => checks.run("acme/x", raw({}))), "nothing was observed");
});

test("a bug is told with its place, and as a text", () => {
  const told = thrown(() => checks.run("acme/x", raw({ mode: "bug" })));
  assert.match(told, /^TypeError: /);
  assert.match(told, /component\.test\.js:\d+/);
  assert.equal(thrown(() => checks.run("acme/x", raw({ mode: "broken" }))), "`mode` is broken");
});

test("code and manifest name the same checks", () => {
  for (const wrong of [{}, { "acme/y": reach }, { "acme/x": reach, "acme/y": reach }]) {
    assert.throws(() => component(DESCRIPTOR, wrong), /acme\/x/);
  }
});

test("settings have their types", () => {
  const context = Context.of(raw({ latency: { "warn-ms": 5 }, names: ["a", "b"] }, "a:1", "b:2"));
  assert.equal(context.setting("latency.warn-ms"), 5);
  assert.deepEqual(context.settings.names, ["a", "b"]);
  for (const absent of ["latency.absent", "absent.too", "names.toString", "constructor"]) {
    assert.equal(context.setting(absent), undefined, absent);
  }
  assert.deepEqual([context.text("absent", "x"), context.text("latency.warn-ms")], ["x", "5"]);
  assert.deepEqual([context.addresses, context.vantage.offline], [["a:1", "b:2"], "true"]);
  const inherited = new Context({ facts: [{ check: "net/x", key: "rtt-ms", value: "1.000" }] });
  assert.deepEqual([inherited.inherited("rtt-ms"), inherited.inherited("absent")], ["1.000", undefined]);
});

test("a fake has only functions of the contract", () => {
  assert.throws(() => fake("seaworthy:net/tcp@0.1.0", { conect: () => [] }), /conect/);
  assert.throws(() => fake("seaworthy:net/tpc@0.1.0", { connect: () => [] }), /tpc/);
});

test("every notation names a socket", () => {
  for (const [address, expected] of [
    ["cache:9100", "cache:9100"],
    ["[::1]:9100", "[::1]:9100"],
    ["/ip4/10.0.0.1/tcp/9100/p2p/A", "10.0.0.1:9100"],
    ["/ip6/::1/tcp/7", "[::1]:7"],
    ["https://cache.test/x?y", "cache.test:443"],
    ["http://user:secret@cache.test:8080/", "cache.test:8080"],
    ["https://[::1]/", "[::1]:443"],
    ["tcp://cache:1", "cache:1"],
    ["cache", undefined],
    ["foo://cache", undefined],
    ["", undefined],
  ]) {
    assert.equal(endpoint.socket(address), expected, address);
  }
});

test("every notation names a host", () => {
  for (const [address, expected] of [
    ["cache.test", "cache.test"],
    ["cache:9100", "cache"],
    ["[::1]:9100", "::1"],
    ["fe80::1", "fe80::1"],
    ["/dns4/a.test/tcp/1", "a.test"],
    ["https://u@cache.test:8/x", "cache.test"],
  ]) {
    assert.equal(endpoint.host(address), expected, address);
  }
});

test("the example of the documentation is a check", async () => {
  const documentation = readFileSync(new URL("../index.d.ts", import.meta.url), "utf8");
  const [, example] = documentation.match(/```js\n([^]*?)```/);
  const folder = mkdtempSync(fileURLToPath(new URL("./example-", import.meta.url)));
  try {
    writeFileSync(`${folder}/check.js`, example.replaceAll(/^ \* ?/gm, ""));
    const code = '{ code: "x.unreachable", level: "fail" }';
    writeFileSync(`${folder}/manifest.js`, `export const DESCRIPTOR = '${DESCRIPTOR}';\nexport const X_UNREACHABLE = ${code};\n`);
    const { checks } = await import(`${folder}/check.js`);
    const refused = { id: 3, target: "cache:1", outcome: { tag: "err", val: { message: "refused" } } };
    fake("seaworthy:net/tcp@0.1.0", { connect: () => [refused] });
    const [finding] = checks.run("acme/x", raw({}, "cache:1")).findings;
    assert.deepEqual([finding.code, finding.message, finding.evidence], ["x.unreachable", "refused", [3]]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
