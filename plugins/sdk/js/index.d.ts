/// <reference path="./contract.d.ts" />
/**
 * Write a seaworthy cache adapter in JavaScript or TypeScript.
 *
 * An adapter is a class that extends {@link CacheAdapter}, and a manifest (`adapter.toml`)
 * with its settings and what it asks to be allowed. The host opens it with its configuration
 * and keeps the instance for the run, so what `open` returns is the adapter's state. It
 * reaches the world only through the host's modules: `seaworthy:net/http@0.1.0`,
 * `seaworthy:cache/storage@0.1.0`, `seaworthy:cache/peers@0.1.0` ...
 *
 * Absence is data, failure is an error: `get` answers `null` when the key is not there, and
 * throws a {@link CacheError} when it could not find out. Nothing else.
 *
 * ```js
 * import * as storage from "seaworthy:cache/storage@0.1.0";
 * import { CacheAdapter, blob, capability, component } from "seaworthy-adapter";
 * import { DESCRIPTOR } from "./manifest.js";
 *
 * class Plain extends CacheAdapter {
 *   static open(config) {
 *     storage.open(config.directory);
 *     return { adapter: new Plain(), capability: capability(["get"], { properties: ["private"] }) };
 *   }
 *
 *   get(key) {
 *     const value = storage.get(key);
 *     return value && blob(value);
 *   }
 * }
 *
 * export const adapter = component(DESCRIPTOR, Plain);
 * ```
 *
 * What differs from a browser and from Node: there is no `fetch`, no timer, no `TextDecoder`
 * and no `console`. `Math.random` repeats itself: use `seaworthy:kit/random`.
 */

import type * as types from "seaworthy:cache/types@0.1.0";

export type Blob = types.Blob;
export type Entry = types.Entry;
export type Capability = types.Capability;

/** As in checks.toml, valid by the schema in `adapter.toml`. */
export type Config = Record<string, unknown>;

type Details = Record<string, string | number | boolean>;

/**
 * Why an operation could not be done. Prefer the function of a kind. The message says what
 * failed, where, and what to do, and never holds a secret.
 */
export class CacheError extends Error {
  constructor(
    kind: string,
    retry: "permanent" | "temporary" | "persistent",
    message: string,
    more?: { context?: Details; retryAfter?: number | null },
  );
  readonly kind: string;
  readonly retry: "permanent" | "temporary" | "persistent";
  readonly context: Details;
  /** Milliseconds. */
  readonly retryAfter: number | null;
  /** Nothing answered at the address; temporary. */
  static unreachable(message: string, context?: Details): CacheError;
  /** No answer within the time budget; temporary. */
  static timedOut(message: string, context?: Details): CacheError;
  /** The credentials are missing or wrong; permanent. */
  static unauthenticated(message: string, context?: Details): CacheError;
  /** Not allowed with these credentials; permanent. */
  static forbidden(message: string, context?: Details): CacheError;
  /** What came back is not what was stored; permanent, until it is overwritten. */
  static integrity(message: string, context?: Details): CacheError;
  /** Larger than the backend takes; permanent. */
  static tooLarge(message: string, context?: Details): CacheError;
  /** The adapter does not have this operation; permanent. */
  static unsupported(message: string, context?: Details): CacheError;
  /** The configuration is wrong; permanent. */
  static configuration(message: string, context?: Details): CacheError;
  /** The request makes no sense; permanent. */
  static invalid(message: string, context?: Details): CacheError;
  /** Anything else; persistent. */
  static other(message: string, context?: Details): CacheError;
  /** The backend asks for patience, for `retryAfter` milliseconds when it said so. */
  static rateLimited(message: string, retryAfter?: number | null, context?: Details): CacheError;
}

/**
 * A cache adapter; the instance is its state between calls.
 *
 * An operation that the capability of `open` leaves out need not be there. Keys are never
 * empty: those are refused before the adapter is asked.
 */
export class CacheAdapter {
  /**
   * Makes it ready, and says what it can do with this configuration. Called again, it looks
   * anew and replaces the state when it succeeds.
   */
  static open(config: Config): { adapter: CacheAdapter; capability: Capability };
  /** The value of `key`; `null` is a miss and only that. An expired value is a miss. */
  get(key: string): Blob | null | undefined;
  /** Stores a value over what was there. */
  put(key: string, value: Blob): void;
  /** What is known of `key` without its value. */
  stat(key: string): Entry | null | undefined;
  /** Removes `key`; succeeds when there is nothing to remove. */
  invalidate(key: string): void;
  /** At most `limit` keys that begin with `prefix`. */
  list(prefix: string, limit: number): Entry[];
}

/** What the component exports as `adapter`. */
export function component(
  descriptor: string,
  Adapter: { open(config: Config): { adapter: CacheAdapter; capability: Capability } },
): SeaworthyContract["seaworthy:cache/adapter@0.1.0"];

/**
 * What an adapter can do: of `get`, `put`, `stat`, `invalidate` and `list`; with properties
 * (`shared`, `expiring`, `private`, `durable` ...) and limits (`max-value-bytes` ...).
 */
export function capability(
  operations: Array<"get" | "put" | "stat" | "invalidate" | "list">,
  more?: { properties?: string[]; limits?: Record<string, number> },
): Capability;

/**
 * A value: made at `created` (milliseconds since 1970; 0 is unknown), with `ttl` milliseconds
 * left to live (none: until it is evicted).
 */
export function blob(
  bytes: Uint8Array,
  more?: { created?: number; ttl?: number | null; metadata?: Record<string, string> },
): Blob;

/** What is known of a key without its value. */
export function entry(key: string, size?: number | null, details?: Details): Entry;

/** Bytes as a text. What is no UTF-8 becomes U+FFFD. */
export function decode(bytes: Uint8Array): string;

/** A text as bytes of UTF-8. */
export function encode(text: string): Uint8Array;
