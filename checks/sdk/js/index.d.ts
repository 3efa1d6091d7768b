/// <reference path="./contract.d.ts" />
/**
 * Write a seaworthy check in JavaScript or TypeScript.
 *
 * A check is a function from a {@link Context} to an {@link Outcome}, and a table of the
 * codes and facts that it may report (`check.toml`, from which `seaworthy plugin build`
 * makes `manifest.js`). It looks at the world only through the host's probes, which are
 * modules (`seaworthy:net/tcp@0.1.0`); every answer carries the id of an observation that
 * the host recorded, and every finding and fact cites such ids. An outcome cannot be made
 * without evidence, so a check that did not look cannot pass.
 *
 * ```js
 * import * as tcp from "seaworthy:net/tcp@0.1.0";
 * import { Evidence, Findings, component } from "seaworthy-check";
 * import { DESCRIPTOR, X_UNREACHABLE } from "./manifest.js";
 *
 * function reach(context) {
 *   const attempt = { timeout: context.budget, payload: new Uint8Array(), readMax: 0 };
 *   const seen = tcp.connect(context.addresses.map((target) => ({ ...attempt, target })));
 *   const findings = new Findings();
 *   for (const answer of seen) {
 *     if (answer.outcome.tag === "ok") continue;
 *     findings.add(X_UNREACHABLE, { at: answer.target, message: answer.outcome.val.message, cite: answer });
 *   }
 *   return findings.conclude("asked every target", Evidence.of(seen));
 * }
 *
 * export const checks = component(DESCRIPTOR, { "acme/x": reach });
 * ```
 *
 * What differs from a browser and from Node: there is no `fetch`, no timer, no
 * `TextDecoder` and no `console`; the probes, `seaworthy:kit/clock` and `seaworthy:kit/log`
 * and {@link decode} are there instead. `Math.random` repeats itself: use `seaworthy:kit/random`.
 */

import type * as contract from "seaworthy:check/checks@0.1.0";

export type Outcome = contract.Outcome;
export type Target = contract.Target;
export type Inherited = contract.Inherited;
export type Level = "fail" | "warn" | "info";
export type Confidence = "certain" | "likely" | "possible";

/** A code declared in `check.toml`; the constants are in `manifest.js`. */
export interface Code {
  readonly code: string;
  /** The declared, worst level. */
  readonly level: Level;
}

/** A key of a fact declared in `check.toml`; the constants are in `manifest.js`. */
export interface Fact {
  readonly key: string;
}

/** An observation: its id, the answer of a probe, or evidence already put together. */
export type Cited = number | { readonly id: number } | Evidence;

/** Thrown where nothing was observed; a check that lets it pass ends as broken. */
export class NothingObserved extends Error {
  constructor();
}

/**
 * Throw it when the check itself cannot work, as when a setting contradicts another: not
 * for a target that is wrong (that is a finding), nor when the check could not tell (that
 * is `inconclusive`).
 */
export class BrokenCheck extends Error {
  constructor(message: string);
}

/**
 * At least one observation. There is no other kind: `new Evidence()` is a type error, and
 * {@link Evidence.of} throws when it is given nothing.
 */
export class Evidence {
  #ids: unknown;
  constructor(first: Cited, ...more: Cited[]);
  /** From the answers of probes. Throws {@link NothingObserved} when there are none. */
  static of(answers: Iterable<Cited>): Evidence;
  /** These and those. */
  including(answers: Iterable<Cited>): Evidence;
  /** The ids, each once, in order. */
  get ids(): number[];
}

/** The findings and facts of a check, until it concludes. */
export class Findings {
  #findings: unknown;
  /** Adds a finding. */
  add(
    code: Code,
    finding: {
      /** What was found, with the values. */
      message: string;
      /** What it rests on. */
      cite: Cited;
      /** What it is about: an address, a variable, a tier. */
      at?: string;
      /** What was seen. */
      observed?: string;
      /** What was wanted. */
      expected?: string;
      /** A milder level than the declared one. */
      level?: Level;
      /** `likely` when a contradicting probe ran and passed, `possible` when none ran. */
      confidence?: Confidence;
      /** Details for rules and machines. */
      details?: Record<string, string | number | boolean>;
    },
  ): void;
  /** Adds a fact. */
  fact(fact: Fact, value: string | number, rests: { cite: Cited }): void;
  /** How many findings there are. */
  get length(): number;
  /** Whether anything found so far is more than information. */
  get anyWrong(): boolean;
  /** How many findings of a code there are. */
  count(code: Code): number;
  /** Looked at everything it is for. The host computes the status. */
  conclude(summary: string, evidence: Evidence): Outcome;
  /** Could not tell; what was found is kept. */
  inconclusive(reason: string, evidence: Evidence): Outcome;
  /** What it would look at is not configured. */
  notConfigured(reason: string, evidence: Evidence): Outcome;
  /** Does not apply here. */
  notApplicable(reason: string, evidence: Evidence): Outcome;
}

/** The settings, the targets, and what the checks that this one needs have found. */
export class Context {
  /** For tests; the host's own is made by {@link Context.of}. */
  constructor(parts?: {
    settings?: Record<string, unknown>;
    targets?: Target[];
    facts?: Inherited[];
    codes?: Inherited[];
    budget?: number;
    vantage?: Record<string, string>;
  });
  /** From the host's own. */
  static of(raw: contract.Context): Context;
  /** As in checks.toml, valid by the schema in check.toml. */
  settings: Record<string, unknown>;
  targets: Target[];
  /** Facts and finding codes of the checks that this one needs. */
  facts: Inherited[];
  codes: Inherited[];
  /** The time budget of this attempt, in milliseconds. */
  budget: number;
  /** "vantage", "embedded", "allow-writes", "offline" ... */
  vantage: Record<string, string>;
  /** A setting by its path, e.g. `latency.warn-ms`; undefined when it is not set. */
  setting(key: string): unknown;
  /** A setting that is a text. */
  text(key: string, otherwise?: string): string;
  /** A fact of a check that this one needs, whichever it was. */
  inherited(key: string): string | undefined;
  /** All addresses of all targets, in order. */
  get addresses(): string[];
}

/**
 * What the component exports as `checks`: the functions under the ids that they have in
 * `check.toml`. Throws when the two do not name the same checks, which ends the build.
 */
export function component(
  descriptor: string,
  checks: Record<string, (context: Context) => Outcome>,
): { describe(): string; run(id: string, context: contract.Context): Outcome };

/** Microseconds as milliseconds with three decimals, the form of every fact whose key ends in `-ms`. */
export function millis(micros: number): string;

/** Bytes as a text. What is no UTF-8 becomes U+FFFD. */
export function decode(bytes: Uint8Array): string;

/** A text as bytes of UTF-8. */
export function encode(text: string): Uint8Array;
