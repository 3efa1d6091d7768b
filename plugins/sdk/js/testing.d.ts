/// <reference path="./contract.d.ts" />

/**
 * What a module of the contract answers in tests under Node. Import it before what is
 * tested, and that by `await import("../src/adapter.js")`.
 *
 * ```js
 * import { fake } from "seaworthy-adapter/testing";
 * fake("seaworthy:net/http@0.1.0", { send: (requests) => requests.map(...) });
 * ```
 */
export function fake<Name extends keyof SeaworthyContract>(
  module: Name,
  answers: Partial<SeaworthyContract[Name]>,
): void;
