// Made from wit/ by `cargo test -p seaworthy-author --test typescript`; do not edit.
// A value of `option<T>` is `T | null`, of `result<T, E>` in a record `{ tag, val }`; a function that
// returns a `result` throws its `E`.

/**
 * What a cache adapter exports. Absence is data, failure is an error; there is
 * no third way to say nothing.
 */
declare module "seaworthy:cache/adapter@0.1.0" {
  export type CacheError = import("seaworthy:cache/types@0.1.0").CacheError;
  export type Blob = import("seaworthy:cache/types@0.1.0").Blob;
  export type Entry = import("seaworthy:cache/types@0.1.0").Entry;
  export type Capability = import("seaworthy:cache/types@0.1.0").Capability;
  /** JSON by the published descriptor schema. Called with nothing granted. */
  export function describe(): string;
  /**
   * Called once before anything else. `config` is a JSON object, validated
   * against the descriptor's schema. Answers the effective capability.
   */
  export function open(config: string): Capability;
  /** None is a miss and only that. */
  export function get(key: string): Blob | null;
  export function put(key: string, value: Blob): void;
  export function stat(key: string): Entry | null;
  /** Succeeds when there is nothing to remove. */
  export function invalidate(key: string): void;
  export function list(prefix: string, limit: number): Array<Entry>;
  export {};
}

/** The configured tiers, for checks. */
declare module "seaworthy:cache/caches@0.1.0" {
  export type ObservationId = import("seaworthy:types/types@0.1.0").ObservationId;
  export type Micros = import("seaworthy:types/types@0.1.0").Micros;
  export type Facts = import("seaworthy:types/types@0.1.0").Facts;
  export type CacheError = import("seaworthy:cache/types@0.1.0").CacheError;
  export type Blob = import("seaworthy:cache/types@0.1.0").Blob;
  export type Entry = import("seaworthy:cache/types@0.1.0").Entry;
  export type Capability = import("seaworthy:cache/types@0.1.0").Capability;
  export interface Tier {
    id: ObservationId;
    label: string;
    adapter: string;
    elapsed: Micros;
    /** "wit-version", "digest", "version", "source". */
    details: Facts;
    outcome: { tag: "ok"; val: Capability } | { tag: "err"; val: CacheError };
  }
  export interface Operated {
    id: ObservationId;
    elapsed: Micros;
    outcome: { tag: "ok" } | { tag: "err"; val: CacheError };
  }
  export interface Got {
    id: ObservationId;
    elapsed: Micros;
    outcome: { tag: "ok"; val: Blob | null } | { tag: "err"; val: CacheError };
  }
  /** Loads and opens every configured tier, in the policy's order. */
  export function open(): Array<Tier>;
  export function get(label: string, key: string): Got;
  export function put(label: string, key: string, value: Blob): Operated;
  export function invalidate(label: string, key: string): Operated;
  export {};
}

/** The seaworthy cache protocol towards the configured peers, for the p2p adapter. */
declare module "seaworthy:cache/peers@0.1.0" {
  export type CacheError = import("seaworthy:cache/types@0.1.0").CacheError;
  export type Blob = import("seaworthy:cache/types@0.1.0").Blob;
  export type Entry = import("seaworthy:cache/types@0.1.0").Entry;
  /**
   * Dials the addresses and agrees on the secret called `secret`. Answers how
   * many peers can be used.
   */
  export function open(addresses: Array<string>, secret: string): number;
  export function get(key: string): Blob | null;
  export function put(key: string, value: Blob): void;
  export function has(key: string): Entry | null;
  export function invalidate(key: string): void;
  export {};
}

/**
 * A key-value area on this machine's disk, private to one adapter and its
 * configured directory. For adapters that keep things locally.
 */
declare module "seaworthy:cache/storage@0.1.0" {
  export type CacheError = import("seaworthy:cache/types@0.1.0").CacheError;
  /** Creates `directory` when it is not there, and checks that it can be written. */
  export function open(directory: string): void;
  export function get(key: string): Uint8Array | null;
  /** Atomic: a reader sees the old value or the new one. */
  export function put(key: string, value: Uint8Array): void;
  function delete_(key: string): void;
  export { delete_ as delete };
  export function list(prefix: string, limit: number): Array<string>;
  export {};
}

declare module "seaworthy:cache/types@0.1.0" {
  export type Facts = import("seaworthy:types/types@0.1.0").Facts;
  export type Millis = import("seaworthy:types/types@0.1.0").Millis;
  export interface CacheError {
    /**
     * "unreachable", "timed-out", "unauthenticated", "forbidden", "integrity",
     * "too-large", "rate-limited", "clock", "unsupported", "configuration",
     * "retired", "denied", "other" ... Never "not found": that is no error.
     */
    kind: string;
    /** "permanent", "temporary" or "persistent" (as OpenDAL has them). */
    retry: string;
    operation: string;
    message: string;
    context: Facts;
    retryAfter: Millis | null;
  }
  export interface Blob {
    bytes: Uint8Array;
    /** Milliseconds since the epoch; 0 when the backend keeps no time. */
    created: number;
    /** Remaining life in milliseconds; none lives until it is evicted. */
    ttl: number | null;
    metadata: Facts;
  }
  export interface Entry {
    key: string;
    size: number | null;
    details: Facts;
  }
  export interface Capability {
    /** Subset of "get", "put", "stat", "invalidate", "list". */
    operations: Array<string>;
    /** "content-addressed", "shared", "expiring", "immutable", "private", "durable" ... */
    properties: Array<string>;
    /** "max-value-bytes", "max-key-bytes" ... */
    limits: Facts;
  }
  export {};
}

/** What a check component exports. One component may carry several checks. */
declare module "seaworthy:check/checks@0.1.0" {
  export type ObservationId = import("seaworthy:types/types@0.1.0").ObservationId;
  export type Facts = import("seaworthy:types/types@0.1.0").Facts;
  export type Millis = import("seaworthy:types/types@0.1.0").Millis;
  export interface Target {
    label: string;
    /** "libp2p", "tcp", "http", "dns" ... as in checks.toml. */
    kind: string;
    addresses: Array<string>;
    details: Facts;
  }
  /** A fact or finding code of a check that this one `needs`. */
  export interface Inherited {
    check: string;
    key: string;
    value: string;
  }
  export interface Context {
    /** The check's settings as JSON, validated against its schema. */
    settingsJson: string;
    /**
     * The same, flattened: nested keys joined by ".", a key repeated for each
     * element of an array. For guests to which a JSON parser is too large.
     */
    settings: Facts;
    targets: Array<Target>;
    facts: Array<Inherited>;
    codes: Array<Inherited>;
    /** The time budget of this attempt. */
    budget: Millis;
    /** "vantage", "embedded", "allow-writes", "offline" ... */
    vantage: Facts;
  }
  export interface Finding {
    /** One of the codes that `describe` declares. */
    code: string;
    /** "fail", "warn" or "info". */
    level: string;
    /**
     * "certain": the symptom cannot arise otherwise; "likely": a contradicting
     * probe ran and passed; "possible": none ran.
     */
    confidence: string;
    /**
     * What it is about: an address, a variable, a tier. Findings on the same
     * target explain each other by layer.
     */
    target: string | null;
    message: string;
    observed: string | null;
    expected: string | null;
    /** At least one. */
    evidence: Array<ObservationId>;
    details: Facts;
  }
  export interface Fact {
    /** One of the keys that `describe` declares. */
    key: string;
    value: string;
    evidence: Array<ObservationId>;
  }
  export type Conclusion =
    /** Looked at everything it is for. */
    | { tag: "concluded" }
    /** Could not tell, and why: the step becomes "error", never "pass". */
    | { tag: "inconclusive"; val: string }
    /** Does not apply, and why: "not-applicable: ..." or "not-configured: ...". */
    | { tag: "skip"; val: string };
  export interface Outcome {
    /** One line for people: what was looked at and what came of it. */
    summary: string;
    findings: Array<Finding>;
    facts: Array<Fact>;
    conclusion: Conclusion;
    /** What the conclusion rests on. A conclusion without any is "error/no-evidence". */
    evidence: Array<ObservationId>;
  }
  /** JSON by the published descriptor schema. Called with nothing granted. */
  export function describe(): string;
  /**
   * Runs one of the checks that `describe` lists. The error is for a check that
   * broke, not for a target that is wrong.
   */
  export function run(id: string, context: Context): Outcome;
  export {};
}

/** seaworthy:net/http with headers that hold secrets. */
declare module "seaworthy:credentials/authorized-http@0.1.0" {
  export type Request = import("seaworthy:net/http@0.1.0").Request;
  export type Seen = import("seaworthy:net/http@0.1.0").Seen;
  export type Piece = import("seaworthy:credentials/credentials@0.1.0").Piece;
  export interface Header {
    name: string;
    value: Array<Piece>;
  }
  export interface Authorized {
    request: Request;
    /**
     * Sent after those of the request. A secret is sent only where this component
     * may connect anyway, and only over TLS or to an address of the policy's own
     * target; the failure "denied" says so.
     */
    headers: Array<Header>;
  }
  /**
   * As `send` of seaworthy:net/http. The failure "not-found" at stage "secret": no
   * secret of that label is set; nothing was sent then.
   */
  export function send(requests: Array<Authorized>): Array<Seen>;
  export {};
}

/**
 * Using the configured secrets without their text: the host puts it where it
 * belongs, and hands out only what it cannot be read back from.
 */
declare module "seaworthy:credentials/credentials@0.1.0" {
  export type ObservationId = import("seaworthy:types/types@0.1.0").ObservationId;
  export type Facts = import("seaworthy:types/types@0.1.0").Facts;
  export type Failure = import("seaworthy:types/types@0.1.0").Failure;
  export interface Status {
    id: ObservationId;
    label: string;
    present: boolean;
    /** Name of the variable it comes from, e.g. "AWS_SECRET_ACCESS_KEY". */
    source: string | null;
    /**
     * "length", "fingerprint" (salted per run, equal for equal secrets), "whitespace"
     * ("true" when it begins or ends with some), "form" ("github-token",
     * "ed25519-multibase" ..., where it is recognised).
     */
    details: Facts;
  }
  /** A stretch of bytes: `bytes`, followed by the secret where one is named. */
  export interface Piece {
    bytes: Uint8Array;
    /** Label of a secret that this component may use. */
    secret: string | null;
    /** How the secret is written: "text", or "base64" (RFC 4648 section 4). */
    encoding: string;
  }
  /** Whether there are secrets of these labels, in the order asked. */
  export function inspect(labels: Array<string>): Array<Status>;
  /**
   * SHA-256 of the pieces put together. Failures: "denied", "not-found" (no such
   * secret is set), "invalid" (no such encoding).
   */
  export function sha256(pieces: Array<Piece>): Uint8Array;
  /** HMAC-SHA256 of `message`; the key is `prefix` followed by the secret. */
  export function hmacSha256(secret: string, prefix: Uint8Array, message: Uint8Array): Uint8Array;
  /**
   * The public half (32 bytes) of an Ed25519 key. The secret holds its seed as 64 hex
   * digits, as base64, or as the multibase text of a UCAN agent ("Mg...").
   */
  export function ed25519Public(secret: string): Uint8Array;
  /** Signature (64 bytes) of `message` under such a key. */
  export function ed25519Sign(secret: string, message: Uint8Array): Uint8Array;
  export {};
}

/** Files that the policy lets this check read. */
declare module "seaworthy:env/files@0.1.0" {
  export type ObservationId = import("seaworthy:types/types@0.1.0").ObservationId;
  export type Micros = import("seaworthy:types/types@0.1.0").Micros;
  export type Failure = import("seaworthy:types/types@0.1.0").Failure;
  export interface Seen {
    id: ObservationId;
    path: string;
    elapsed: Micros;
    /** Cut at `max` bytes. A missing file is the failure "not-found". */
    outcome: { tag: "ok"; val: Uint8Array } | { tag: "err"; val: Failure };
  }
  export function read(paths: Array<string>, max: number): Array<Seen>;
  export {};
}

/** What the host knows of the machine it runs on, read natively. */
declare module "seaworthy:env/system@0.1.0" {
  export type ObservationId = import("seaworthy:types/types@0.1.0").ObservationId;
  export type Micros = import("seaworthy:types/types@0.1.0").Micros;
  export type Facts = import("seaworthy:types/types@0.1.0").Facts;
  export type Failure = import("seaworthy:types/types@0.1.0").Failure;
  export interface Query {
    /**
     * "container", "interfaces", "routes", "neighbours", "resolver", "hosts",
     * "listeners", "limits", "process", "python", "executables", "libraries",
     * "directory", "port", "host-report". Open set: an unknown topic is the
     * failure "unsupported", so a check can go on without it.
     */
    topic: string;
    arguments: Facts;
  }
  export interface Seen {
    id: ObservationId;
    topic: string;
    elapsed: Micros;
    /** One row for each thing found (an interface, a route, a listener ...). */
    outcome: { tag: "ok"; val: Array<Facts> } | { tag: "err"; val: Failure };
  }
  /** Answers in the order asked, all gathered at once. */
  export function inspect(queries: Array<Query>): Array<Seen>;
  export {};
}

/**
 * Environment variables, by name. A variable of the secret class is never
 * handed over: presence, length and a fingerprint are.
 */
declare module "seaworthy:env/vars@0.1.0" {
  export type ObservationId = import("seaworthy:types/types@0.1.0").ObservationId;
  export type Facts = import("seaworthy:types/types@0.1.0").Facts;
  export interface Variable {
    name: string;
    present: boolean;
    /** Absent when the variable is not set or is a secret. */
    value: string | null;
    secret: boolean;
    /** "process", "embedded", "checks.toml", "--var": where the value comes from. */
    origin: string;
    /** For secrets: "length", "fingerprint" (salted per run, equal for equal secrets). */
    details: Facts;
  }
  export interface Seen {
    id: ObservationId;
    /**
     * One entry for each name asked, in the order asked. A name that is not
     * granted is recorded as a denial and answered as absent.
     */
    variables: Array<Variable>;
  }
  export function read(names: Array<string>): Seen;
  /**
   * The variables that are set and match one of the globs (`CACHE_*`); only
   * granted names are listed. Finds look-alikes and typing errors.
   */
  export function matching(globs: Array<string>): Seen;
  export {};
}

/** Time. Neither is an observation: measured times are in the answers of probes. */
declare module "seaworthy:kit/clock@0.1.0" {
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  export function unixMs(): number;
  /** Microseconds since an arbitrary start; never goes back. */
  export function monotonicUs(): number;
  /** Blocks the guest, not the host. */
  export function sleepMs(duration: number): void;
  export {};
}

/** Log lines of a guest. They go to the run's log, never to a report's verdict. */
declare module "seaworthy:kit/log@0.1.0" {
  export type Facts = import("seaworthy:types/types@0.1.0").Facts;
  export type Level = "trace" | "debug" | "info" | "warn" | "error";
  /**
   * Bounded in number and length by the host; what is over the cap is dropped
   * and the drop is noted once.
   */
  export function emit(level: Level, message: string, fields: Facts): void;
  export {};
}

/** What a long check says while it works. */
declare module "seaworthy:kit/progress@0.1.0" {
  /** One line for a person who waits. */
  export function step(message: string): void;
  /** Milliseconds left of this attempt's time budget. */
  export function remainingMs(): number;
  export {};
}

/** Randomness for unique keys and ids. */
declare module "seaworthy:kit/random@0.1.0" {
  /** Lower-case hex digits of `bytes` random bytes (at most 64). */
  export function hex(bytes: number): string;
  export {};
}

/**
 * Every function takes a list and works on all of it at once; answers come in
 * the order asked. Names are resolved by the host, each address is checked
 * against the grants, and the checked address is the one that is used.
 */
declare module "seaworthy:net/dns@0.1.0" {
  export type ObservationId = import("seaworthy:types/types@0.1.0").ObservationId;
  export type Millis = import("seaworthy:types/types@0.1.0").Millis;
  export type Micros = import("seaworthy:types/types@0.1.0").Micros;
  export type Failure = import("seaworthy:types/types@0.1.0").Failure;
  export type Facts = import("seaworthy:types/types@0.1.0").Facts;
  export interface Query {
    name: string;
    timeout: Millis;
  }
  export interface Answer {
    addresses: Array<string>;
    details: Facts;
  }
  export interface Seen {
    id: ObservationId;
    name: string;
    elapsed: Micros;
    /**
     * As the C library answers: /etc/hosts, resolv.conf and search list included.
     * Failures: "dns-not-found", "dns-failure" (no or bad answer), "timeout".
     */
    outcome: { tag: "ok"; val: Answer } | { tag: "err"; val: Failure };
  }
  export function resolve(queries: Array<Query>): Array<Seen>;
  export {};
}

declare module "seaworthy:net/http@0.1.0" {
  export type ObservationId = import("seaworthy:types/types@0.1.0").ObservationId;
  export type Millis = import("seaworthy:types/types@0.1.0").Millis;
  export type Micros = import("seaworthy:types/types@0.1.0").Micros;
  export type Failure = import("seaworthy:types/types@0.1.0").Failure;
  export type Facts = import("seaworthy:types/types@0.1.0").Facts;
  export interface Request {
    method: string;
    /** http or https, absolute. */
    url: string;
    headers: Array<[string, string]>;
    body: Uint8Array;
    timeout: Millis;
    /** The body is cut here and `truncated` is set. */
    maxBody: number;
    /** "environment" (HTTP_PROXY, HTTPS_PROXY, NO_PROXY), "direct", or a proxy URL. */
    proxy: string;
  }
  export interface Response {
    status: number;
    headers: Array<[string, string]>;
    body: Uint8Array;
    truncated: boolean;
    remote: string;
    /**
     * "proxy" (URL without credentials, or "none"), "dns-us", "connect-us",
     * "tls-us", "first-byte-us", "total-us".
     */
    details: Facts;
  }
  export interface Seen {
    id: ObservationId;
    url: string;
    elapsed: Micros;
    /** An HTTP error status is an answer, not a failure. */
    outcome: { tag: "ok"; val: Response } | { tag: "err"; val: Failure };
  }
  export function send(requests: Array<Request>): Array<Seen>;
  export {};
}

declare module "seaworthy:net/tcp@0.1.0" {
  export type ObservationId = import("seaworthy:types/types@0.1.0").ObservationId;
  export type Millis = import("seaworthy:types/types@0.1.0").Millis;
  export type Micros = import("seaworthy:types/types@0.1.0").Micros;
  export type Failure = import("seaworthy:types/types@0.1.0").Failure;
  export type Facts = import("seaworthy:types/types@0.1.0").Facts;
  export interface Attempt {
    /** "host:port", "1.2.3.4:9100", "[::1]:9100". */
    target: string;
    timeout: Millis;
    /** Sent once connected; may be empty. */
    payload: Uint8Array;
    /** Read at most this many bytes after that, until `timeout`; 0 reads nothing. */
    readMax: number;
  }
  export interface Connection {
    remote: string;
    local: string;
    connectElapsed: Micros;
    /** What the other side sent, when reading was asked for. */
    received: Uint8Array;
    /** "not-asked", "data", "closed", "timeout", "reset": how reading ended. */
    readEnd: string;
  }
  /** One resolved address of the target. */
  export interface Tried {
    address: string;
    elapsed: Micros;
    outcome: { tag: "ok"; val: Connection } | { tag: "err"; val: Failure };
  }
  export interface Seen {
    id: ObservationId;
    target: string;
    elapsed: Micros;
    /** Every address tried, each with its own errno; empty when the name did not resolve. */
    tried: Array<Tried>;
    /** The first connection that was made, else the most telling failure. */
    outcome: { tag: "ok"; val: Connection } | { tag: "err"; val: Failure };
  }
  export function connect(attempts: Array<Attempt>): Array<Seen>;
  export {};
}

declare module "seaworthy:net/tls@0.1.0" {
  export type ObservationId = import("seaworthy:types/types@0.1.0").ObservationId;
  export type Millis = import("seaworthy:types/types@0.1.0").Millis;
  export type Micros = import("seaworthy:types/types@0.1.0").Micros;
  export type Failure = import("seaworthy:types/types@0.1.0").Failure;
  export type Facts = import("seaworthy:types/types@0.1.0").Facts;
  export interface Attempt {
    target: string;
    /** Server name; none uses the host of the target. */
    serverName: string | null;
    alpn: Array<string>;
    /** "native", "bundled" or "none": which trust roots judge the certificate. */
    roots: string;
    timeout: Millis;
  }
  export interface Session {
    remote: string;
    version: string;
    cipherSuite: string;
    alpn: string | null;
    /** DER, leaf first. */
    chain: Array<Uint8Array>;
    details: Facts;
  }
  export interface Seen {
    id: ObservationId;
    target: string;
    elapsed: Micros;
    outcome: { tag: "ok"; val: Session } | { tag: "err"; val: Failure };
  }
  export function handshake(attempts: Array<Attempt>): Array<Seen>;
  export {};
}

/** The shared secret of a cache, by label. Its text never reaches a guest. */
declare module "seaworthy:p2p/secrets@0.1.0" {
  export type ObservationId = import("seaworthy:types/types@0.1.0").ObservationId;
  export type Millis = import("seaworthy:types/types@0.1.0").Millis;
  export type Micros = import("seaworthy:types/types@0.1.0").Micros;
  export type Failure = import("seaworthy:types/types@0.1.0").Failure;
  export type Facts = import("seaworthy:types/types@0.1.0").Facts;
  export interface Status {
    id: ObservationId;
    present: boolean;
    /** Name of the variable it comes from, e.g. "CACHE_P2P_SHARED_SECRET". */
    source: string | null;
    /**
     * "length", "per-job" ("true" when the source changes with every job),
     * "kdf", "kdf-us", "fingerprint".
     */
    details: Facts;
  }
  export interface Sealed {
    id: ObservationId;
    elapsed: Micros;
    outcome: { tag: "ok"; val: Uint8Array } | { tag: "err"; val: Failure };
  }
  export interface Agreement {
    id: ObservationId;
    address: string;
    elapsed: Micros;
    /**
     * ok(true): both sides hold the same secret. ok(false): they do not.
     * Failure "unsupported": the peer has no seaworthy cache protocol.
     */
    outcome: { tag: "ok"; val: boolean } | { tag: "err"; val: Failure };
  }
  export function inspect(label: string): Status;
  /** Encrypts under the key derived from the secret, bound to `key-name`. */
  export function seal(label: string, keyName: string, plaintext: Uint8Array): Sealed;
  /** A wrong key, a changed byte or another key name is the failure "integrity". */
  export function open(label: string, keyName: string, sealed: Uint8Array): Sealed;
  /** Proves, without showing it, that a peer holds the same secret. */
  export function agree(label: string, addresses: Array<string>, timeout: Millis): Array<Agreement>;
  export {};
}

/** libp2p in verbs. The node lives in the host, one for each run. */
declare module "seaworthy:p2p/swarm@0.1.0" {
  export type ObservationId = import("seaworthy:types/types@0.1.0").ObservationId;
  export type Millis = import("seaworthy:types/types@0.1.0").Millis;
  export type Micros = import("seaworthy:types/types@0.1.0").Micros;
  export type Failure = import("seaworthy:types/types@0.1.0").Failure;
  export type Facts = import("seaworthy:types/types@0.1.0").Facts;
  /** A multiaddr, read strictly. */
  export interface Address {
    /** As it is written canonically. */
    canonical: string;
    /** "ip4", "ip6", "dns", "dns4", "dns6", "dnsaddr". */
    hostKind: string;
    host: string;
    /** "tcp" or "udp". */
    transport: string;
    port: number;
    peerId: string | null;
    details: Facts;
  }
  export interface Parsed {
    id: ObservationId;
    text: string;
    /**
     * On error, `details` of the failure hold "position" (byte offset),
     * "component" (the offending part) and "reason": "host-port", "url",
     * "placeholder-peer-id", "bad-peer-id", "missing-peer-id" (only where
     * it cannot be used without), "unknown-protocol", "bad-port", "empty" ...
     */
    outcome: { tag: "ok"; val: Address } | { tag: "err"; val: Failure };
  }
  export interface DialAttempt {
    address: string;
    timeout: Millis;
    /** Round trips of the ping protocol after identify; 0 for none. */
    pings: number;
  }
  /**
   * One rung of the ladder: "resolve", "connect", "multistream", "noise",
   * "yamux", "identify", "ping".
   */
  export interface Rung {
    name: string;
    elapsed: Micros;
    outcome: { tag: "ok"; val: Facts } | { tag: "err"; val: Failure };
  }
  export interface Peer {
    peerId: string;
    remote: string;
    agent: string;
    protocolVersion: string;
    protocols: Array<string>;
    listenAddresses: Array<string>;
    observedAddress: string | null;
    /** Median of the pings. */
    pingRtt: Micros | null;
  }
  export interface Dialed {
    id: ObservationId;
    address: string;
    elapsed: Micros;
    /** Every rung that was tried, in order; the last one may have failed. */
    ladder: Array<Rung>;
    /** The id in the address, and the one the other side proved to have. */
    expectedPeer: string | null;
    obtainedPeer: string | null;
    outcome: { tag: "ok"; val: Peer } | { tag: "err"; val: Failure };
  }
  export interface ProtocolRequest {
    address: string;
    protocol: string;
    payload: Uint8Array;
    timeout: Millis;
    maxResponse: number;
  }
  export interface Responded {
    id: ObservationId;
    address: string;
    elapsed: Micros;
    outcome: { tag: "ok"; val: Uint8Array } | { tag: "err"; val: Failure };
  }
  /** Reads addresses without touching the network. */
  export function parse(addresses: Array<string>): Array<Parsed>;
  export function dial(attempts: Array<DialAttempt>): Array<Dialed>;
  /** One stream a request: write all, close the write half, read the answer. */
  export function request(requests: Array<ProtocolRequest>): Array<Responded>;
  export {};
}

/** UDP, one socket for each attempt. */
declare module "seaworthy:path/datagrams@0.1.0" {
  export type ObservationId = import("seaworthy:types/types@0.1.0").ObservationId;
  export type Millis = import("seaworthy:types/types@0.1.0").Millis;
  export type Micros = import("seaworthy:types/types@0.1.0").Micros;
  export type Failure = import("seaworthy:types/types@0.1.0").Failure;
  export type Facts = import("seaworthy:types/types@0.1.0").Facts;
  export interface Attempt {
    /** "host:port", "1.2.3.4:9100", "[::1]:9100". */
    target: string;
    /** Until a first answer, or each further one of `replies`. */
    timeout: Millis;
    payload: Uint8Array;
    /** Sent so often, evenly within the timeout, until something answers; at least once. */
    times: number;
    /** Datagrams to wait for; 0 waits for ICMP errors only. */
    replies: number;
    /** Port to send from; 0 for any. */
    localPort: number;
  }
  export interface Exchanged {
    remote: string;
    local: string;
    /** At most 2 KiB of each. */
    received: Array<Uint8Array>;
  }
  export interface Seen {
    id: ObservationId;
    target: string;
    elapsed: Micros;
    /**
     * Failures: "timeout" (nothing answered), "connection-refused" (an ICMP message
     * said that the port is closed), "host-unreachable" and others with "icmp-type",
     * "icmp-code" and "icmp-from" among their details; "message-too-long" with the
     * "path-mtu" that the kernel knows.
     */
    outcome: { tag: "ok"; val: Exchanged } | { tag: "err"; val: Failure };
  }
  /** Sent with the don't-fragment bit, to one address of each target. */
  export function send(attempts: Array<Attempt>): Array<Seen>;
  /**
   * A QUIC packet of a version that nobody has, which every QUIC server must answer
   * with the versions that it has (RFC 9000, 6.1; RFC 8999, 6): UDP both ways without
   * TLS. `received` of the answer holds one text for each version, in hexadecimal.
   * The failure "protocol": something answered, and it is not QUIC.
   */
  export function quicVersions(targets: Array<string>, timeout: Millis): Array<Seen>;
  export {};
}

/**
 * How bytes get through a TCP connection: which sizes arrive, and for how long a
 * silent connection is kept. That they arrived is what the other side's kernel
 * acknowledged, so a size needs no service that echoes.
 */
declare module "seaworthy:path/flows@0.1.0" {
  export type ObservationId = import("seaworthy:types/types@0.1.0").ObservationId;
  export type Millis = import("seaworthy:types/types@0.1.0").Millis;
  export type Micros = import("seaworthy:types/types@0.1.0").Micros;
  export type Failure = import("seaworthy:types/types@0.1.0").Failure;
  export type Facts = import("seaworthy:types/types@0.1.0").Facts;
  export interface Burst {
    /** Stay silent for so long before it. */
    pause: Millis;
    /** Sent first, then filled up to `size` with spaces. */
    payload: Uint8Array;
    /** Bytes of this burst in all; at most 1 MiB. */
    size: number;
    /** How long to wait for their acknowledgement, and then for an answer. */
    timeout: Millis;
    /** Read at most so many bytes after it, until `timeout`; 0 reads nothing. */
    readMax: number;
  }
  export interface Attempt {
    /** "host:port", "1.2.3.4:9100", "[::1]:9100". */
    target: string;
    timeout: Millis;
    bursts: Array<Burst>;
  }
  export interface Sent {
    /** Bytes given to the kernel, and those of them that were acknowledged in time. */
    size: number;
    acknowledged: number;
    elapsed: Micros;
    /** The first 64 KiB of what was read, and how much it was in all. */
    received: Uint8Array;
    receivedBytes: number;
    /** "not-asked", "data", "closed", "timeout", "reset": how reading ended. */
    readEnd: string;
    /** The burst that could not be sent, or the connection that ended under it. */
    failure: Failure | null;
    /** Of the kernel (tcp(7), TCP_INFO): "mss", "path-mtu", "retransmits", "rtt-us", "lost". */
    details: Facts;
  }
  export interface Flow {
    remote: string;
    local: string;
    connectElapsed: Micros;
    /** One for each burst that was tried; nothing follows one that failed. */
    bursts: Array<Sent>;
  }
  export interface Seen {
    id: ObservationId;
    target: string;
    elapsed: Micros;
    /** The failure is of the connection. The first address that can be connected to is used. */
    outcome: { tag: "ok"; val: Flow } | { tag: "err"; val: Failure };
  }
  export function exchange(attempts: Array<Attempt>): Array<Seen>;
  export {};
}

/**
 * Questions to one name server, past the C library: which server answers what,
 * over which transport. `seaworthy:net/dns` says what programs here get.
 */
declare module "seaworthy:path/names@0.1.0" {
  export type ObservationId = import("seaworthy:types/types@0.1.0").ObservationId;
  export type Millis = import("seaworthy:types/types@0.1.0").Millis;
  export type Micros = import("seaworthy:types/types@0.1.0").Micros;
  export type Failure = import("seaworthy:types/types@0.1.0").Failure;
  export type Facts = import("seaworthy:types/types@0.1.0").Facts;
  export interface Question {
    /** "1.2.3.4:53", "[::1]:53"; a name server is never looked up. */
    server: string;
    /** "udp" or "tcp". */
    transport: string;
    /** Asked as it is: no search list. */
    name: string;
    /** "A", "AAAA", "TXT", "NS", "SOA", "SRV", "CNAME", "PTR". */
    kind: string;
    timeout: Millis;
  }
  export interface Entry {
    name: string;
    kind: string;
    /** Seconds. */
    ttl: number;
    /** As in a zone file. */
    data: string;
  }
  export interface Reply {
    /** "NOERROR", "NXDOMAIN", "SERVFAIL", "REFUSED" ... (RFC 1035, 4.1.1; RFC 2136). */
    code: string;
    /** The answer did not fit (TC); it has to be asked again over TCP. */
    truncated: boolean;
    answers: Array<Entry>;
    /** "size" (bytes), "authoritative", "recursion-available", "authenticated". */
    details: Facts;
  }
  export interface Seen {
    id: ObservationId;
    server: string;
    name: string;
    elapsed: Micros;
    /**
     * A code other than NOERROR is a reply, not a failure. Failures: "timeout",
     * "connection-refused", "protocol" (what came is no answer to this question) ...
     */
    outcome: { tag: "ok"; val: Reply } | { tag: "err"; val: Failure };
  }
  /**
   * All at once; answers in the order asked. One datagram a question over UDP: a
   * lost packet is a timeout, as that is what is to be seen.
   */
  export function ask(questions: Array<Question>): Array<Seen>;
  export {};
}

/** What a proxy does with a connection, and who would use which. */
declare module "seaworthy:path/proxies@0.1.0" {
  export type ObservationId = import("seaworthy:types/types@0.1.0").ObservationId;
  export type Millis = import("seaworthy:types/types@0.1.0").Millis;
  export type Micros = import("seaworthy:types/types@0.1.0").Micros;
  export type Failure = import("seaworthy:types/types@0.1.0").Failure;
  export type Facts = import("seaworthy:types/types@0.1.0").Facts;
  export interface Choice {
    url: string;
    /**
     * "curl", "go", "python", "node", "rust": how the client in question reads
     * HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY.
     */
    client: string;
    /** URL of the proxy without credentials; none: connects itself. */
    proxy: string | null;
    /**
     * "variable" (whose value says so), "entry" (of NO_PROXY that matched),
     * "unread" (entries that this client does not understand).
     */
    details: Facts;
  }
  export interface Chosen {
    id: ObservationId;
    choices: Array<Choice>;
  }
  export interface Attempt {
    /** URL of the proxy, or "environment": as `choose` says of "curl" for https://TARGET/. */
    proxy: string;
    /** "host:port". */
    target: string;
    timeout: Millis;
    /** Stay silent for so long in the tunnel, then see whether it is still there. */
    idle: Millis;
  }
  export interface Seen {
    id: ObservationId;
    target: string;
    elapsed: Micros;
    /**
     * "proxy", "status" (of the answer to CONNECT), "via", "server", "idle-end"
     * ("open", "closed", "reset"), "connect-us", "tunnel-us". Failures at stage
     * "proxy" are of the proxy itself; "not-found": there is none for that target.
     */
    outcome: { tag: "ok"; val: Facts } | { tag: "err"; val: Failure };
  }
  /** Every client for every URL. Touches no network. */
  export function choose(urls: Array<string>): Chosen;
  export function connect(attempts: Array<Attempt>): Array<Seen>;
  export {};
}

/** From a peer that answers to a cache that is shared. */
declare module "seaworthy:sharing/ladder@0.1.0" {
  export type ObservationId = import("seaworthy:types/types@0.1.0").ObservationId;
  export type Millis = import("seaworthy:types/types@0.1.0").Millis;
  export type Micros = import("seaworthy:types/types@0.1.0").Micros;
  export type Failure = import("seaworthy:types/types@0.1.0").Failure;
  export type Facts = import("seaworthy:types/types@0.1.0").Facts;
  export interface Attempt {
    /** A multiaddr; `/p2p/...` may be missing. */
    address: string;
    /** Label of the shared secret. Its text never reaches a guest. */
    secret: string;
    /** For everything about this peer. */
    timeout: Millis;
    /**
     * Wanted rungs above identify: "security", "protocols", "secret", "clock",
     * "canary", "sized-canary", "dial-back", "plaintext", "propagation" ... What
     * a wanted one builds on is tried too. "canary", "sized-canary" and
     * "propagation" write entries under names of their own, and remove them;
     * where the run may not write they are the failure "not-allowed".
     */
    rungs: Array<string>;
    /** Bytes of the sized canary; 0 for none. */
    canarySize: number;
    /**
     * TCP port of this machine at which the peer is to dial it; 0 for none. The
     * host listens there meanwhile, if nobody else does.
     */
    dialBackPort: number;
    /** How long an entry may take to another peer. */
    propagation: Millis;
  }
  /**
   * One rung. Those up to identify are named as in seaworthy:p2p/swarm. One that
   * makes no sense at a peer, or that another one was in the way of, is absent.
   */
  export interface Rung {
    id: ObservationId;
    name: string;
    elapsed: Micros;
    /**
     * "security", "muxers", "unclear" (comma lists); "protocols", "cache",
     * "listen-addresses", "undialable" (comma lists); "skew-ms" (the peer's clock
     * less ours), "uncertainty-ms"; "bytes", "put-ms", "get-ms"; "reachable",
     * "address", "listener" ("own" or "other"), "kind", "message"; "read-at"
     * (`address=ms`), "never-at", "unread-at" (`address=kind`), joined by ";" ...
     *
     * Failures of their own: "different-secret", "canary-lost", "canary-differs",
     * "too-large", "unsupported", "never-acknowledged", "not-allowed".
     */
    outcome: { tag: "ok"; val: Facts } | { tag: "err"; val: Failure };
  }
  export interface Climbed {
    /** Sums the climb up. */
    id: ObservationId;
    address: string;
    elapsed: Micros;
    /** In order, those of the dial first. */
    rungs: Array<Rung>;
    /**
     * "peer-id", "remote", "agent", "observed-address"; or why the peer could not be
     * identified, which ended the climb.
     */
    outcome: { tag: "ok"; val: Facts } | { tag: "err"; val: Failure };
  }
  /** Climbs to all at once, and then looks at propagation between them. */
  export function climb(attempts: Array<Attempt>): Array<Climbed>;
  export {};
}

/**
 * Shared vocabulary. A shape published here never changes: what may grow is a
 * string or a list of pairs, never a new case or a new field.
 */
declare module "seaworthy:types/types@0.1.0" {
  /**
   * Number of an observation that the host recorded during this step. Cite it
   * in findings, facts and outcomes; a number the host did not record for this
   * step makes the result invalid.
   */
  export type ObservationId = number;
  /** Milliseconds. */
  export type Millis = number;
  /** Microseconds. */
  export type Micros = number;
  /** Open-ended detail. Keys are lower-kebab; the order has no meaning unless said. */
  export type Facts = Array<[string, string]>;
  /** Why a probe got no answer. */
  export interface Failure {
    /**
     * Stable, lower-kebab, open set: "denied", "invalid", "timeout",
     * "connection-refused", "connection-reset", "host-unreachable",
     * "network-unreachable", "address-not-available", "dns-not-found",
     * "dns-failure", "protocol", "exhausted", "cancelled", "other" ...
     */
    kind: string;
    /** How far it got: "grant", "parse", "dns", "connect", "read", "tls", "noise" ... */
    stage: string;
    /** errno of the operating system, where there is one. */
    osCode: number | null;
    /** For people. Never holds a secret. */
    message: string;
    /** Anything else, e.g. "icmp-type", "icmp-from". */
    details: Facts;
  }
  export {};
}

/** Every module of the contract. */
interface SeaworthyContract {
  "seaworthy:cache/adapter@0.1.0": typeof import("seaworthy:cache/adapter@0.1.0");
  "seaworthy:cache/caches@0.1.0": typeof import("seaworthy:cache/caches@0.1.0");
  "seaworthy:cache/peers@0.1.0": typeof import("seaworthy:cache/peers@0.1.0");
  "seaworthy:cache/storage@0.1.0": typeof import("seaworthy:cache/storage@0.1.0");
  "seaworthy:cache/types@0.1.0": typeof import("seaworthy:cache/types@0.1.0");
  "seaworthy:check/checks@0.1.0": typeof import("seaworthy:check/checks@0.1.0");
  "seaworthy:credentials/authorized-http@0.1.0": typeof import("seaworthy:credentials/authorized-http@0.1.0");
  "seaworthy:credentials/credentials@0.1.0": typeof import("seaworthy:credentials/credentials@0.1.0");
  "seaworthy:env/files@0.1.0": typeof import("seaworthy:env/files@0.1.0");
  "seaworthy:env/system@0.1.0": typeof import("seaworthy:env/system@0.1.0");
  "seaworthy:env/vars@0.1.0": typeof import("seaworthy:env/vars@0.1.0");
  "seaworthy:kit/clock@0.1.0": typeof import("seaworthy:kit/clock@0.1.0");
  "seaworthy:kit/log@0.1.0": typeof import("seaworthy:kit/log@0.1.0");
  "seaworthy:kit/progress@0.1.0": typeof import("seaworthy:kit/progress@0.1.0");
  "seaworthy:kit/random@0.1.0": typeof import("seaworthy:kit/random@0.1.0");
  "seaworthy:net/dns@0.1.0": typeof import("seaworthy:net/dns@0.1.0");
  "seaworthy:net/http@0.1.0": typeof import("seaworthy:net/http@0.1.0");
  "seaworthy:net/tcp@0.1.0": typeof import("seaworthy:net/tcp@0.1.0");
  "seaworthy:net/tls@0.1.0": typeof import("seaworthy:net/tls@0.1.0");
  "seaworthy:p2p/secrets@0.1.0": typeof import("seaworthy:p2p/secrets@0.1.0");
  "seaworthy:p2p/swarm@0.1.0": typeof import("seaworthy:p2p/swarm@0.1.0");
  "seaworthy:path/datagrams@0.1.0": typeof import("seaworthy:path/datagrams@0.1.0");
  "seaworthy:path/flows@0.1.0": typeof import("seaworthy:path/flows@0.1.0");
  "seaworthy:path/names@0.1.0": typeof import("seaworthy:path/names@0.1.0");
  "seaworthy:path/proxies@0.1.0": typeof import("seaworthy:path/proxies@0.1.0");
  "seaworthy:sharing/ladder@0.1.0": typeof import("seaworthy:sharing/ladder@0.1.0");
  "seaworthy:types/types@0.1.0": typeof import("seaworthy:types/types@0.1.0");
}
