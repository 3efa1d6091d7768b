// Stands for the host in tests under Node: the modules of the contract
// (`seaworthy:net/tcp@0.1.0`) are what `fake` says of them.
import { readFileSync } from "node:fs";
import { register } from "node:module";

const fakes = (globalThis[Symbol.for("seaworthy.fakes")] ??= new Map());
const functions = JSON.parse(readFileSync(new URL("./contract.json", import.meta.url), "utf8"));

register("./testing-hooks.js", import.meta.url, { data: functions });

export function fake(module, answers) {
  for (const name of Object.keys(answers)) {
    if (!functions[module]?.includes(name)) throw new Error(`${module} has no function ${name}`);
  }
  fakes.set(module, answers);
}
