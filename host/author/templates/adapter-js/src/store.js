// Where a key lies, and what an answer means: plain functions, with ordinary tests.
import { CacheError, encode } from "seaworthy-adapter";

/** What the host reads of a body at most. */
export const MOST_BYTES = 32 * 1024 * 1024;

/** @typedef {Array<[string, string]>} Headers */

/**
 * One segment a key, whatever is in it.
 *
 * @param {string} base
 * @param {string} key
 */
export function url(base, key) {
  const plain = key === "." || key === ".." ? /[A-Za-z0-9_~-]/ : /[A-Za-z0-9_~.-]/;
  const percent = (/** @type {number} */ byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  const quoted = Array.from(encode(key), (byte) => {
    const character = String.fromCharCode(byte);
    return plain.test(character) ? character : percent(byte);
  });
  return `${base.replace(/\/+$/, "")}/${quoted.join("")}`;
}

/**
 * Whether the value is there. Absence is no error, and everything else that is not the value is one.
 *
 * @param {string} url
 * @param {number} status
 * @param {number | null} retryAfter
 */
export function judge(url, status, retryAfter) {
  if (status >= 200 && status < 300) return true;
  if (status === 404 || status === 410) return false;
  const message = `${url} answers ${status}`;
  const context = { status };
  if (status === 401) throw CacheError.unauthenticated(message, context);
  if (status === 403) throw CacheError.forbidden(message, context);
  if (status === 405 || status === 501) throw CacheError.unsupported(message, context);
  if (status === 413) throw CacheError.tooLarge(message, context);
  if (status === 429) throw new CacheError("rate-limited", "temporary", message, { context, retryAfter });
  if (status >= 500) throw new CacheError("unreachable", "temporary", message, { context, retryAfter });
  throw new CacheError("other", "permanent", message, { context });
}

/**
 * The error of a request without an answer.
 *
 * @param {string} kind
 * @param {string} message
 */
export function unanswered(kind, message) {
  const context = { cause: kind };
  if (kind === "timeout") return CacheError.timedOut(message, context);
  if (kind === "denied") return new CacheError("denied", "permanent", message, { context });
  if (kind === "invalid") return CacheError.configuration(message, context);
  return CacheError.unreachable(message, context);
}

/**
 * Bytes of the value, where the answer says so.
 *
 * @param {Headers} headers
 */
export function length(headers) {
  return number(headers, "content-length");
}

/**
 * Milliseconds that the store wants to be left alone.
 *
 * @param {Headers} headers
 */
export function retryAfter(headers) {
  const seconds = number(headers, "retry-after");
  return seconds === null ? null : Math.min(seconds * 1000, 2 ** 32 - 1);
}

/**
 * @param {Headers} headers
 * @param {string} name
 */
function number(headers, name) {
  const found = headers.find(([other]) => other.toLowerCase() === name);
  return found && /^\s*\d+\s*$/.test(found[1]) ? Number(found[1]) : null;
}
