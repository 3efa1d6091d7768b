// The check itself, with a host that a test plays.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fake } from "seaworthy-check/testing";

const { checks } = await import("../src/check.js");

function run(...answers) {
  fake("seaworthy:net/tcp@0.1.0", { connect: () => answers });
  return checks.run("acme/new-check", {
    settingsJson: '{"greeting": "220 "}',
    settings: [["greeting", "220 "]],
    targets: [{ label: "t", kind: "tcp", addresses: answers.map(({ target }) => target), details: [] }],
    facts: [],
    codes: [],
    budget: 5000,
    vantage: [],
  });
}

function greets(target, said, readEnd = "data") {
  const connection = { remote: target, local: "", connectElapsed: 100, received: new TextEncoder().encode(said), readEnd };
  return { id: 1, target, elapsed: 1500, tried: [], outcome: { tag: "ok", val: connection } };
}

test("a service that greets is right", () => {
  const outcome = run(greets("mail:25", "220 "));
  assert.deepEqual([outcome.findings, outcome.conclusion], [[], { tag: "concluded" }]);
  assert.deepEqual(outcome.facts, [{ key: "greeting-ms", value: "1.500", evidence: [1] }]);
});

test("every target that is wrong is found", () => {
  const refused = { kind: "connection-refused", stage: "connect", osCode: 111, message: "connection refused", details: [] };
  const outcome = run(greets("mail:25", "SSH-"), { id: 2, target: "mail:26", elapsed: 100, tried: [], outcome: { tag: "err", val: refused } });
  const found = outcome.findings.map(({ code, target, evidence }) => [code, target, evidence]);
  assert.deepEqual(found, [["greeting.differs", "mail:25", [1]], ["greeting.unreachable", "mail:26", [2]]]);
});

test("silence is no answer", () => {
  assert.equal(run(greets("mail:25", "", "timeout")).conclusion.tag, "inconclusive");
});

test("without a target there is nothing to say", () => {
  assert.throws(() => run(), (error) => error === "nothing was observed");
});
