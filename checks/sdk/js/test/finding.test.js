import assert from "node:assert/strict";
import { test } from "node:test";
import { Evidence, Findings, NothingObserved, decode, encode, millis } from "seaworthy-check";

const DIFFERS = { code: "banner.differs", level: "fail" };

test("evidence holds each observation once and in order", () => {
  const evidence = new Evidence(3, { id: 1 }, new Evidence(3, 2)).including([{ id: 4 }, 1]);
  assert.deepEqual(evidence.ids, [3, 1, 2, 4]);
  assert.deepEqual(Evidence.of([{ id: 5 }, 6]).ids, [5, 6]);
});

test("there is no evidence of nothing", () => {
  assert.throws(() => Evidence.of([]), NothingObserved);
  assert.throws(() => new Evidence(), TypeError);
  assert.throws(() => new Evidence({}), TypeError);
  assert.throws(() => new Evidence([]), TypeError);
});

test("nothing is found without a citation", () => {
  const findings = new Findings();
  assert.throws(() => findings.add(DIFFERS, { message: "it differs" }), TypeError);
  assert.throws(() => findings.fact({ key: "rtt-ms" }, 1, {}), TypeError);
  assert.equal(findings.length, 0);
});

test("nothing is concluded without evidence", () => {
  for (const nothing of [undefined, [], 1, { ids: [1] }]) {
    assert.throws(() => new Findings().conclude("all is well", nothing), TypeError);
  }
});

test("a finding carries what was said", () => {
  const findings = new Findings();
  findings.add(DIFFERS, {
    at: "cache:25",
    message: "it says `HTTP`",
    observed: "HTTP",
    expected: "220",
    details: { proxy: true },
    cite: new Evidence({ id: 1 }, 2),
  });
  findings.add(DIFFERS, { message: "maybe", level: "info", confidence: "possible", cite: 1 });
  findings.fact({ key: "greeting-ms" }, millis(1234), { cite: 1 });
  assert.ok(findings.anyWrong);
  assert.equal(findings.count(DIFFERS), 2);
  const outcome = findings.conclude("one looked at", new Evidence(1));
  assert.deepEqual(outcome.findings[0], {
    code: "banner.differs",
    level: "fail",
    confidence: "certain",
    target: "cache:25",
    message: "it says `HTTP`",
    observed: "HTTP",
    expected: "220",
    evidence: [1, 2],
    details: [["proxy", "true"]],
  });
  assert.deepEqual(outcome.facts, [{ key: "greeting-ms", value: "1.234", evidence: [1] }]);
  assert.deepEqual([outcome.conclusion, outcome.evidence], [{ tag: "concluded" }, [1]]);
});

test("every other end has its reason", () => {
  const evidence = new Evidence(1);
  assert.deepEqual(new Findings().inconclusive("why", evidence).conclusion, { tag: "inconclusive", val: "why" });
  assert.deepEqual(new Findings().notConfigured("why", evidence).conclusion, { tag: "skip", val: "not-configured: why" });
  assert.deepEqual(new Findings().notApplicable("why", evidence).conclusion, { tag: "skip", val: "not-applicable: why" });
});

test("milliseconds have three decimals", () => {
  assert.deepEqual([0, 1007, 3066120].map(millis), ["0.000", "1.007", "3066.120"]);
});

test("texts are what TextDecoder and TextEncoder make of them", () => {
  const texts = ["", "220 ready\r\n", "ä€😀", "a\ud800b", "\u0000\u007f\u0080\u07ff\u0800\uffff"];
  for (const text of texts) assert.deepEqual(encode(text), new TextEncoder().encode(text), text);
  for (const text of texts) assert.equal(decode(encode(text)), new TextDecoder("utf-8", { ignoreBOM: true }).decode(encode(text)));
  for (const bytes of [[0xff], [0xc0, 0x80], [0xe0, 0x80, 0x80], [0xed, 0xa0, 0x80], [0xf5, 0x80], [0x41, 0x80, 0x42]]) {
    const text = decode(new Uint8Array(bytes));
    assert.ok(text.includes("\ufffd"), `${bytes}`);
    assert.equal(text.replaceAll("\ufffd", ""), new TextDecoder().decode(new Uint8Array(bytes)).replaceAll("\ufffd", ""));
  }
});
