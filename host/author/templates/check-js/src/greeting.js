// The deciding, in plain functions.

export const AS_WANTED = Symbol("as wanted");
/** Nothing, or only the beginning, when the time was over. */
export const SILENT = Symbol("silent");

/**
 * What to think of the first bytes; a text is what was said instead.
 *
 * @param {Uint8Array} received
 * @param {Uint8Array} wanted
 * @param {boolean} timedOut
 */
export function judge(received, wanted, timedOut) {
  if (startsWith(received, wanted)) return AS_WANTED;
  if (timedOut && startsWith(wanted, received)) return SILENT;
  return shown(received);
}

/**
 * @param {Uint8Array} bytes
 * @param {Uint8Array} beginning
 */
function startsWith(bytes, beginning) {
  return beginning.every((byte, at) => bytes[at] === byte);
}

/**
 * The first line, printable.
 *
 * @param {Uint8Array} received
 */
export function shown(received) {
  const end = received.findIndex((byte) => byte === 10 || byte === 13);
  const line = end < 0 ? received : received.subarray(0, end);
  return Array.from(line, (byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : ".")).join("");
}
