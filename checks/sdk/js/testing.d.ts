/// <reference path="./contract.d.ts" />

/**
 * What a module of the contract answers in tests under Node. Import it before what is
 * tested, and that by `await import("../src/check.js")`.
 *
 * ```js
 * import { fake } from "seaworthy-check/testing";
 * fake("seaworthy:net/tcp@0.1.0", { connect: (attempts) => attempts.map(...) });
 * ```
 */
export function fake<Name extends keyof SeaworthyContract>(
  module: Name,
  answers: Partial<SeaworthyContract[Name]>,
): void;
