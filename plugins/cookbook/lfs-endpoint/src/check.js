// Does a Git LFS endpoint answer its batch API?
import * as authorizedHttp from "seaworthy:credentials/authorized-http@0.1.0";
import * as credentials from "seaworthy:credentials/credentials@0.1.0";
import { BrokenCheck, Evidence, Findings, component, decode, encode, millis } from "seaworthy-check";
import { MEDIA_TYPE, batch, judge, question } from "./judge.js";
import {
  DESCRIPTOR,
  LFS_ANSWER_MS,
  LFS_AUTH_REQUIRED,
  LFS_BAD_CREDENTIALS,
  LFS_CREDENTIALS,
  LFS_FAILING,
  LFS_FORBIDDEN,
  LFS_LOGIN_PAGE,
  LFS_NOT_FOUND,
  LFS_NOT_LFS,
  LFS_RATE_LIMITED,
  LFS_TRANSFER,
  LFS_UNREACHABLE,
} from "./manifest.js";

/** Label of the secret `user:token`. */
const LABEL = "lfs-credentials";
/** Bytes of an answer; that about one object has some hundred. */
const MOST = 64 << 10;

/** @type {Record<string, import("seaworthy-check").Code>} */
const CODES = {
  "login-page": LFS_LOGIN_PAGE,
  "auth-required": LFS_AUTH_REQUIRED,
  "bad-credentials": LFS_BAD_CREDENTIALS,
  forbidden: LFS_FORBIDDEN,
  "not-found": LFS_NOT_FOUND,
  "not-lfs": LFS_NOT_LFS,
  "rate-limited": LFS_RATE_LIMITED,
  failing: LFS_FAILING,
};

/** @param {import("seaworthy-check").Context} context */
function lfs(context) {
  const [address] = context.addresses;
  if (address === undefined) throw new BrokenCheck("there is no target; name the endpoint's URL in [targets]");
  const [known] = credentials.inspect([LABEL]);
  const authenticated = known.present && context.setting("anonymous") !== true;
  /** @type {authorizedHttp.Authorized} */
  const asking = {
    request: {
      method: "POST",
      url: batch(address),
      headers: [["accept", MEDIA_TYPE], ["content-type", MEDIA_TYPE]],
      body: encode(question(context.text("operation", "download"))),
      timeout: context.budget - Math.floor(context.budget / 20),
      maxBody: MOST,
      proxy: "environment",
    },
    headers: authenticated ? [basic()] : [],
  };
  const [seen] = authorizedHttp.send([asking]);
  const evidence = new Evidence(known, seen);

  const findings = new Findings();
  findings.fact(LFS_CREDENTIALS, String(authenticated), { cite: evidence });
  if (seen.outcome.tag === "err") {
    const { kind, message } = seen.outcome.val;
    findings.add(LFS_UNREACHABLE, { at: address, message: `${address}: ${message}`, details: { kind }, cite: evidence });
    return findings.conclude(`${address} was not reached`, evidence);
  }
  const { status, headers, body, truncated } = seen.outcome.val;
  const verdict = judge({ status, headers, body: decode(body), truncated }, authenticated);
  if ("unknown" in verdict) return findings.inconclusive(`${address}: ${verdict.unknown}`, evidence);
  if ("wrong" in verdict) {
    const { wrong, words, observed } = verdict;
    findings.add(CODES[wrong], { at: address, message: `${address}: ${words}`, observed, cite: evidence });
  } else {
    findings.fact(LFS_TRANSFER, verdict.transfer, { cite: evidence });
    findings.fact(LFS_ANSWER_MS, millis(seen.elapsed), { cite: evidence });
  }
  return findings.conclude(`${address} asked for an object`, evidence);
}

/** @returns {authorizedHttp.Header} */
function basic() {
  const value = [
    { bytes: encode("Basic "), secret: null, encoding: "text" },
    { bytes: new Uint8Array(), secret: LABEL, encoding: "base64" },
  ];
  return { name: "authorization", value };
}

export const checks = component(DESCRIPTOR, { "cookbook/lfs-endpoint": lfs });
