// Is a NATS server one that clients can use?
import * as tcp from "seaworthy:net/tcp@0.1.0";
import * as tls from "seaworthy:net/tls@0.1.0";
import { BrokenCheck, Evidence, Findings, component, decode, encode, millis } from "seaworthy-check";
import { socket } from "seaworthy-check/endpoint";
import { QUESTION, info, jetstream, obstacles, shown } from "./judge.js";
import {
  DESCRIPTOR,
  NATS_CONNECT_MS,
  NATS_AUTH_REQUIRED,
  NATS_JETSTREAM,
  NATS_MAX_PAYLOAD,
  NATS_NO_ANSWER,
  NATS_NO_JETSTREAM,
  NATS_OTHER_PROTOCOL,
  NATS_REFUSES,
  NATS_TLS_MISSING,
  NATS_TLS_REQUIRED,
  NATS_UNREACHABLE,
  NATS_VERSION,
} from "./manifest.js";

/** Bytes of an answer; INFO has some five hundred. */
const MOST = 64 << 10;

/** @type {Record<string, [import("seaworthy-check").Code, string]>} */
const OBSTACLES = {
  "tls-required": [NATS_TLS_REQUIRED, "wants TLS, which the clients do not use"],
  "tls-missing": [NATS_TLS_MISSING, "has no TLS, which the clients use"],
  "auth-required": [NATS_AUTH_REQUIRED, "wants credentials, which the clients do not have"],
  "no-jetstream": [NATS_NO_JETSTREAM, "has no JetStream, which the clients need"],
};

/** @param {import("seaworthy-check").Context} context */
function nats(context) {
  const [address] = context.addresses;
  if (address === undefined) throw new BrokenCheck("there is no target; name the server's `host:port` in [targets]");
  const target = socket(address);
  if (target === undefined) throw new BrokenCheck(`${address} names no port`);
  // A third for each of what it may take: INFO, a question, a handshake.
  const timeout = Math.floor(context.budget / 3) - Math.floor(context.budget / 30);
  const clients = {
    tls: context.setting("tls") === true,
    credentials: context.setting("credentials") === true,
    jetstream: context.setting("jetstream") === true,
  };

  const [seen] = tcp.connect([{ target, timeout, payload: new Uint8Array(), readMax: MOST }]);
  const findings = new Findings();
  if (seen.outcome.tag === "err") {
    const { kind, message } = seen.outcome.val;
    findings.add(NATS_UNREACHABLE, { at: address, message: `${address}: ${message}`, details: { kind }, cite: seen });
    return findings.conclude(`${address} was not reached`, new Evidence(seen));
  }
  const received = decode(seen.outcome.val.received);
  if (received === "") return silent(findings, { address, target, timeout, clients, seen, ended: seen.outcome.val.readEnd });

  const said = info(received);
  if (said === undefined) {
    const message = `${address} answers \`${shown(received)}\`, which is no NATS server's`;
    findings.add(NATS_OTHER_PROTOCOL, { at: address, message, observed: shown(received), cite: seen });
    return findings.conclude(`${address} is no NATS server`, new Evidence(seen));
  }
  if (typeof said === "string") {
    findings.add(NATS_REFUSES, { at: address, message: `${address} refuses: ${said}`, observed: said, cite: seen });
    return findings.conclude(`${address} refuses the connection`, new Evidence(seen));
  }
  record(findings, said, seen, seen.outcome.val.connectElapsed);
  const found = obstacles(said, clients);
  for (const obstacle of found) {
    const [code, words] = OBSTACLES[obstacle];
    findings.add(code, { at: address, message: `${address} ${words}`, cite: seen });
  }
  // What stands in a client's way stands in the way of this question too.
  const open = said.tls_required !== true && said.auth_required !== true;
  if (!clients.jetstream || found.length > 0 || !open) {
    return findings.conclude(`${address} said who it is`, new Evidence(seen));
  }
  return ask(findings, { address, target, timeout, seen });
}

/**
 * @param {Findings} findings
 * @param {{ address: string, target: string, timeout: number, seen: tcp.Seen }} asking
 */
function ask(findings, { address, target, timeout, seen }) {
  const [asked] = tcp.connect([{ target, timeout, payload: encode(QUESTION), readMax: MOST }]);
  const evidence = new Evidence(seen, asked);
  const answer = asked.outcome.tag === "ok" ? jetstream(decode(asked.outcome.val.received)) : undefined;
  if (answer === undefined) return findings.inconclusive(`${address} does not say whether JetStream may be used`, evidence);
  if (answer === "not-there") {
    const [code, words] = OBSTACLES["no-jetstream"];
    findings.add(code, { at: address, message: `${address} ${words}`, details: { asked: true }, cite: evidence });
  } else if (answer !== "there") {
    const { refused } = answer;
    findings.add(NATS_REFUSES, { at: address, message: `${address} refuses: ${refused}`, observed: refused, cite: evidence });
  }
  return findings.conclude(`${address} was asked for JetStream`, evidence);
}

/**
 * Nothing came: it may be that it waits for TLS.
 *
 * @param {Findings} findings
 * @param {{ address: string, target: string, timeout: number, clients: { tls: boolean }, seen: tcp.Seen, ended: string }} asking
 */
function silent(findings, { address, target, timeout, clients, seen, ended }) {
  const [shaken] = tls.handshake([{ target, serverName: null, alpn: [], roots: "none", timeout }]);
  const evidence = new Evidence(seen, shaken);
  if (shaken.outcome.tag === "err") {
    const message = `${address} says nothing, neither without TLS nor with it`;
    findings.add(NATS_NO_ANSWER, { at: address, message, details: { ended }, cite: evidence });
    return findings.conclude(`${address} says nothing`, evidence);
  }
  if (clients.tls) {
    return findings.inconclusive(`${address} speaks TLS first; what it says inside is not seen from here`, evidence);
  }
  const message = `${address} waits for a handshake of TLS before it says anything`;
  findings.add(NATS_TLS_REQUIRED, { at: address, message, details: { first: true }, cite: evidence });
  return findings.conclude(`${address} waits for TLS`, evidence);
}

/**
 * @param {Findings} findings
 * @param {Record<string, unknown>} said
 * @param {tcp.Seen} seen
 * @param {number} connected
 */
function record(findings, said, seen, connected) {
  findings.fact(NATS_CONNECT_MS, millis(connected), { cite: seen });
  if (typeof said.version === "string") findings.fact(NATS_VERSION, said.version, { cite: seen });
  if (typeof said.max_payload === "number") findings.fact(NATS_MAX_PAYLOAD, said.max_payload, { cite: seen });
  findings.fact(NATS_JETSTREAM, String(said.jetstream === true), { cite: seen });
}

export const checks = component(DESCRIPTOR, { "cookbook/nats": nats });
