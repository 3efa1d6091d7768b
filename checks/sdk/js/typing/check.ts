// Compiled and never run: what must not be possible is an error that `tsc` expects.
import * as tcp from "seaworthy:net/tcp@0.1.0";
import { type Code, Evidence, Findings, component, millis } from "../index.js";
import { fake } from "../testing.js";

const DIFFERS: Code = { code: "banner.differs", level: "fail" };
const seen = tcp.connect([{ target: "cache:1", timeout: 1000, payload: new Uint8Array(), readMax: 0 }]);
const findings = new Findings();

for (const answer of seen) {
  if (answer.outcome.tag === "ok") continue;
  findings.add(DIFFERS, { at: answer.target, message: answer.outcome.val.message, cite: answer });
  findings.fact({ key: "rtt-ms" }, millis(answer.elapsed), { cite: answer });
  // @ts-expect-error a finding cites something
  findings.add(DIFFERS, { message: "it differs" });
  // @ts-expect-error a failure has no remote address
  answer.outcome.val.remote;
}
// @ts-expect-error there is no evidence of nothing
new Evidence();
// @ts-expect-error a list is no evidence: it may be empty
findings.conclude("all is well", []);
// @ts-expect-error an object that looks like it is none either
findings.conclude("all is well", { ids: [1] });
// @ts-expect-error a fact cites something
findings.fact({ key: "rtt-ms" }, 1);
// @ts-expect-error an attempt has a timeout
tcp.connect([{ target: "cache:1", payload: new Uint8Array(), readMax: 0 }]);
// @ts-expect-error a component has no console
console.log(seen);

export const checks = component("{}", { "acme/x": () => findings.conclude("looked", Evidence.of(seen)) });
fake("seaworthy:net/tcp@0.1.0", { connect: () => seen });
// @ts-expect-error there is no such function
fake("seaworthy:net/tcp@0.1.0", { conect: () => seen });
