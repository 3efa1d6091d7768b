// Compiled and never run: what must not be possible is an error that `tsc` expects.
import * as storage from "seaworthy:cache/storage@0.1.0";
import { type Blob, CacheAdapter, CacheError, type Config, blob, capability, component } from "../index.js";
import { fake } from "../testing.js";

class Plain extends CacheAdapter {
  static override open(config: Config) {
    if (typeof config.directory !== "string") throw CacheError.configuration("`directory` is required");
    storage.open(config.directory);
    return { adapter: new Plain(), capability: capability(["get"], { properties: ["private"] }) };
  }

  override get(key: string): Blob | null {
    const value = storage.get(key);
    return value && blob(value);
  }
}

// @ts-expect-error there is no such operation
capability(["fetch"]);
// @ts-expect-error a value is bytes
blob("text");
// @ts-expect-error open answers what it opened
component("{}", { open: () => capability(["get"]) });

export const adapter = component("{}", Plain);
fake("seaworthy:cache/storage@0.1.0", { get: () => null, delete: () => {} });
