/** Addresses of targets, in any of the notations that they are written in. */

/**
 * `host:port` of an address, written as `host:port`, `scheme://host[:port]/path` or
 * `/ip4/1.2.3.4/tcp/9100/...`. Undefined for one that names no port.
 */
export function socket(address: string): string | undefined;

/** The host of an address in any of these notations; a bare name is its own host. */
export function host(address: string): string;
