// Does a service greet as it should?
import * as tcp from "seaworthy:net/tcp@0.1.0";
import { Evidence, Findings, component, encode, millis } from "seaworthy-check";
import { AS_WANTED, SILENT, judge } from "./greeting.js";
import { DESCRIPTOR, GREETING_DIFFERS, GREETING_MS, GREETING_SLOW, GREETING_UNREACHABLE } from "./manifest.js";

/** @param {import("seaworthy-check").Context} context */
function greets(context) {
  const wanted = context.text("greeting");
  const seen = tcp.connect(attempts(context, encode(wanted)));
  const evidence = Evidence.of(seen);

  const findings = new Findings();
  /** @type {string[]} */
  const silent = [];
  let slowest = 0;
  for (const { id, target, elapsed, outcome } of seen) {
    if (outcome.tag === "err") {
      const { kind, message } = outcome.val;
      findings.add(GREETING_UNREACHABLE, { at: target, message: `${target}: ${message}`, details: { kind }, cite: id });
      continue;
    }
    const said = judge(outcome.val.received, encode(wanted), outcome.val.readEnd === "timeout");
    if (said === AS_WANTED) {
      // ANCHOR: slow
      slowest = Math.max(slowest, elapsed);
      if (elapsed > 1000 * Number(context.setting("slow-ms") ?? 1000)) {
        const observed = `${millis(elapsed)} ms`;
        findings.add(GREETING_SLOW, { at: target, message: `${target} greets late`, observed, cite: id });
      }
      // ANCHOR_END: slow
    } else if (said === SILENT) {
      silent.push(target);
    } else {
      const message = `${target} says \`${said}\`, not \`${wanted}\``;
      findings.add(GREETING_DIFFERS, { at: target, message, observed: said, expected: wanted, cite: id });
    }
  }
  if (slowest > 0) findings.fact(GREETING_MS, millis(slowest), { cite: evidence });
  if (silent.length > 0) return findings.inconclusive(`no greeting in time from ${silent.join(", ")}`, evidence);
  return findings.conclude(`${seen.length} targets asked for their greeting`, evidence);
}

/**
 * All targets at once; a little earlier than the host, so that what was seen is told. No more
 * bytes than are compared: a service that waits after its greeting costs no time.
 *
 * @param {import("seaworthy-check").Context} context
 * @param {Uint8Array} wanted
 */
function attempts(context, wanted) {
  const timeout = context.budget - Math.floor(context.budget / 20);
  const attempt = { timeout, payload: new Uint8Array(), readMax: wanted.length };
  return context.addresses.map((target) => ({ ...attempt, target }));
}

export const checks = component(DESCRIPTOR, { "acme/greeting": greets });
