// What adapter authors import. The types, and what everything is for, are in index.d.ts.

export { decode, encode } from "./text.js";

export class CacheError extends Error {
  constructor(kind, retry, message, { context = {}, retryAfter = null } = {}) {
    super(message);
    this.name = "CacheError";
    this.kind = kind;
    this.retry = retry;
    this.context = context;
    this.retryAfter = retryAfter;
  }

  static unreachable = (message, context) => new CacheError("unreachable", "temporary", message, { context });
  static timedOut = (message, context) => new CacheError("timed-out", "temporary", message, { context });
  static unauthenticated = (message, context) => new CacheError("unauthenticated", "permanent", message, { context });
  static forbidden = (message, context) => new CacheError("forbidden", "permanent", message, { context });
  static integrity = (message, context) => new CacheError("integrity", "permanent", message, { context });
  static tooLarge = (message, context) => new CacheError("too-large", "permanent", message, { context });
  static unsupported = (message, context) => new CacheError("unsupported", "permanent", message, { context });
  static configuration = (message, context) => new CacheError("configuration", "permanent", message, { context });
  static invalid = (message, context) => new CacheError("invalid", "permanent", message, { context });
  static other = (message, context) => new CacheError("other", "persistent", message, { context });
  static rateLimited = (message, retryAfter = null, context = {}) =>
    new CacheError("rate-limited", "temporary", message, { context, retryAfter });
}

export class CacheAdapter {
  static open(_config) {
    throw new Error("this adapter has no `open`");
  }

  get(_key) {
    throw new Error("this adapter has no `get`");
  }

  put(_key, _value) {
    throw CacheError.unsupported("this adapter does not store");
  }

  stat(_key) {
    throw CacheError.unsupported("this adapter cannot look without reading");
  }

  invalidate(_key) {
    throw CacheError.unsupported("this adapter does not remove");
  }

  list(_prefix, _limit) {
    throw CacheError.unsupported("this adapter cannot enumerate its keys");
  }
}

export function component(descriptor, Adapter) {
  let current;
  const opened = () => {
    if (!current) throw CacheError.configuration("the adapter is not open: `open` was not called or failed");
    return current;
  };
  const named = (key) => {
    if (key === "") throw CacheError.invalid("the key is empty");
    return opened();
  };
  return {
    describe: () => descriptor,
    open: (config) =>
      during("open", () => {
        const { adapter, capability } = Adapter.open(JSON.parse(config));
        current = adapter;
        return capability;
      }),
    get: (key) => during("get", () => named(key).get(key) ?? null),
    put: (key, value) => during("put", () => void named(key).put(key, value)),
    stat: (key) => during("stat", () => named(key).stat(key) ?? null),
    invalidate: (key) => during("invalidate", () => void named(key).invalidate(key)),
    list: (prefix, limit) => during("list", () => opened().list(prefix, limit)),
  };
}

function during(operation, work) {
  try {
    return work();
  } catch (error) {
    // What is thrown becomes the error of WIT's `result`.
    throw record(operation, error);
  }
}

function record(operation, error) {
  if (error instanceof CacheError) {
    const { kind, retry, message, context, retryAfter } = error;
    return { kind, retry, operation, message, context: pairs(context), retryAfter };
  }
  // Of a host call that answers with the same errors.
  if (error?.kind && error.retry && Array.isArray(error.context)) return { ...error, operation };
  return record(operation, CacheError.other(explain(error)));
}

function explain(error) {
  if (!(error instanceof Error)) return String(error);
  const places = (error.stack ?? "")
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line.startsWith("at "));
  return [`${error.name}: ${error.message}`, ...places].join("\n  ");
}

const pairs = (details) => Object.entries(details ?? {}).map(([key, value]) => [key, String(value)]);

export function capability(operations, { properties = [], limits = {} } = {}) {
  return { operations, properties, limits: pairs(limits) };
}

export function blob(bytes, { created = 0, ttl = null, metadata = {} } = {}) {
  return { bytes, created, ttl, metadata: pairs(metadata) };
}

export function entry(key, size = null, details = {}) {
  return { key, size, details: pairs(details) };
}
