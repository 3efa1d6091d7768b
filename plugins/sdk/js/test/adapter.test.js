import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { CacheAdapter, CacheError, blob, capability, component, entry } from "seaworthy-adapter";
import { fake } from "seaworthy-adapter/testing";

const storage = await import("seaworthy:cache/storage@0.1.0");

class ReadOnly extends CacheAdapter {
  constructor(value) {
    super();
    this.value = value;
  }

  static open(config) {
    if (config.value === undefined) throw CacheError.configuration("the setting `value` is required", { setting: "value" });
    return { adapter: new ReadOnly(config.value), capability: capability(["get"], { limits: { "max-value-bytes": 9 } }) };
  }

  get(key) {
    if (key === "bug") return this.absent.too;
    if (key === "stored") return blob(storage.get(key));
    return key === "k" ? blob(new TextEncoder().encode(this.value)) : undefined;
  }
}

function opened() {
  const adapter = component("{}", ReadOnly);
  adapter.open('{"value": "v"}');
  return adapter;
}

function thrown(work) {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

test("the state lives from open on", () => {
  const adapter = component("{}", ReadOnly);
  assert.equal(thrown(() => adapter.get("k")).kind, "configuration", "not open is an error, not a miss");
  assert.equal(thrown(() => adapter.open("{")).kind, "other");
  assert.deepEqual(thrown(() => adapter.open("{}")), {
    kind: "configuration",
    retry: "permanent",
    operation: "open",
    message: "the setting `value` is required",
    context: [["setting", "value"]],
    retryAfter: null,
  });
  assert.deepEqual(adapter.open('{"value": "v"}'), { operations: ["get"], properties: [], limits: [["max-value-bytes", "9"]] });
  assert.deepEqual(adapter.get("k"), { bytes: new Uint8Array([118]), created: 0, ttl: null, metadata: [] });
  assert.equal(adapter.get("other"), null);
  thrown(() => adapter.open("{}"));
  assert.ok(adapter.get("k"), "a failed open leaves the old state");
  assert.equal(adapter.describe(), "{}");
});

test("what is not implemented says so", () => {
  const adapter = opened();
  for (const [operation, ...args] of [["put", "k", blob(new Uint8Array())], ["stat", "k"], ["invalidate", "k"], ["list", "", 1]]) {
    const error = thrown(() => adapter[operation](...args));
    assert.deepEqual([error.kind, error.retry, error.operation], ["unsupported", "permanent", operation]);
  }
  assert.equal(thrown(() => adapter.get("")).kind, "invalid");
});

test("a bug is told with its place", () => {
  const error = thrown(() => opened().get("bug"));
  assert.deepEqual([error.kind, error.operation], ["other", "get"]);
  assert.match(error.message, /^TypeError: [^]*adapter\.test\.js:\d+/);
});

test("an error of the host stays what it is", () => {
  const theirs = { kind: "integrity", retry: "permanent", operation: "storage.get", message: "torn", context: [], retryAfter: null };
  fake("seaworthy:cache/storage@0.1.0", {
    get: () => {
      throw theirs;
    },
  });
  assert.deepEqual(thrown(() => opened().get("stored")), { ...theirs, operation: "get" });
});

test("a value may have a life and metadata", () => {
  const value = new Uint8Array([1]);
  assert.deepEqual(blob(value, { created: 1, ttl: 2, metadata: { a: "b" } }), { bytes: value, created: 1, ttl: 2, metadata: [["a", "b"]] });
  assert.deepEqual(entry("k", 3, { etag: "x" }), { key: "k", size: 3, details: [["etag", "x"]] });
  assert.equal(CacheError.rateLimited("wait", 500).retryAfter, 500);
});

test("the example of the documentation is an adapter", async () => {
  const documentation = readFileSync(new URL("../index.d.ts", import.meta.url), "utf8");
  const [, example] = documentation.match(/```js\n([^]*?)```/);
  const folder = mkdtempSync(fileURLToPath(new URL("./example-", import.meta.url)));
  try {
    writeFileSync(`${folder}/adapter.js`, example.replaceAll(/^ \* ?/gm, ""));
    writeFileSync(`${folder}/manifest.js`, "export const DESCRIPTOR = '{}';\n");
    const { adapter } = await import(`${folder}/adapter.js`);
    fake("seaworthy:cache/storage@0.1.0", { open: () => {}, get: (key) => (key === "k" ? new Uint8Array([1]) : null) });
    assert.deepEqual(adapter.open('{"directory": "/c"}').operations, ["get"]);
    assert.deepEqual([adapter.get("k"), adapter.get("absent")], [blob(new Uint8Array([1])), null]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
