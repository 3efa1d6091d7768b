// The deciding, in plain functions.

/** What a client says that has no credentials; then it asks for the account's JetStream. */
export const QUESTION =
  'CONNECT {"verbose":false,"pedantic":false,"tls_required":false,"headers":true,"no_responders":true,"lang":"seaworthy","version":"0.1.0"}\r\n' +
  "SUB _INBOX.seaworthy 1\r\nPUB $JS.API.INFO _INBOX.seaworthy 0\r\n\r\nPING\r\n";

/**
 * What a server says first. Undefined when it is no INFO; a text is the error that it says instead.
 *
 * @param {string} received
 * @returns {Record<string, unknown> | string | undefined}
 */
export function info(received) {
  const refused = error(received);
  if (refused !== undefined) return refused;
  const line = received.split("\r\n")[0];
  if (!received.includes("\r\n") || !/^INFO\s/i.test(line)) return undefined;
  try {
    const said = JSON.parse(line.slice(5));
    return typeof said === "object" && said !== null ? said : undefined;
  } catch {
    return undefined;
  }
}

/**
 * What clients that are configured so will meet.
 *
 * @param {Record<string, unknown>} said
 * @param {{ tls: boolean, credentials: boolean, jetstream: boolean }} clients
 * @returns {string[]}
 */
export function obstacles(said, clients) {
  const found = [];
  if (said.tls_required === true && !clients.tls) found.push("tls-required");
  if (clients.tls && said.tls_required !== true && said.tls_available !== true) found.push("tls-missing");
  if (said.auth_required === true && !clients.credentials) found.push("auth-required");
  if (clients.jetstream && said.jetstream !== true) found.push("no-jetstream");
  return found;
}

/**
 * What came of the question for JetStream: "there", "not-there", an error of the server as
 * `{ refused }`, or undefined when it cannot be told.
 *
 * @param {string} received
 * @returns {"there" | "not-there" | { refused: string } | undefined}
 */
export function jetstream(received) {
  // Nobody answers for JetStream.
  if (received.includes("NATS/1.0 503")) return "not-there";
  const answer = /\r\nMSG _INBOX\.seaworthy 1 \d+\r\n([^\r]*)/.exec(received)?.[1];
  if (answer !== undefined) {
    try {
      // 10039: not enabled for the account; 10076: not enabled.
      const code = JSON.parse(answer)?.error?.err_code;
      if (code === undefined) return "there";
      return code === 10039 || code === 10076 ? "not-there" : undefined;
    } catch {
      return undefined;
    }
  }
  const refused = error(received);
  return refused === undefined ? undefined : { refused };
}

/** @param {string} received */
function error(received) {
  return /(?:^|\r\n)-ERR '?([^'\r]*)/.exec(received)?.[1];
}

/**
 * The beginning, printable.
 *
 * @param {string} received
 */
export function shown(received) {
  return received.slice(0, 40).replace(/[^ -~]/g, ".");
}
