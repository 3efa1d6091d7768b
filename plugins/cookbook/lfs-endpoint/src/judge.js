// The deciding, in plain functions.

/** The media type of Git LFS, of questions and answers. */
export const MEDIA_TYPE = "application/vnd.git-lfs+json";

/** What nobody has: the SHA-256 of "seaworthy asks for what is not there". */
const NOBODYS = "7064be91340fc4bc88c855ed15ac765a94580eaa24b0a7754094f9f6920f4cae";

/**
 * The question for one object.
 *
 * @param {string} operation
 */
export function question(operation) {
  const objects = [{ oid: NOBODYS, size: 1 }];
  return JSON.stringify({ operation, transfers: ["basic"], objects, hash_algo: "sha256" });
}

/**
 * The endpoint's batch API.
 *
 * @param {string} url
 */
export function batch(url) {
  return `${url.replace(/\/+$/, "")}/objects/batch`;
}

/**
 * @typedef {{ status: number, headers: [string, string][], body: string, truncated: boolean }} Answer
 * @typedef {{ transfer: string } | { wrong: string, words: string, observed?: string } | { unknown: string }} Verdict
 */

/**
 * Tells the batch API from whatever else answers.
 *
 * @param {Answer} answer
 * @param {boolean} authenticated
 * @returns {Verdict}
 */
export function judge(answer, authenticated) {
  const { status, body } = answer;
  const json = parsed(body);
  const observed = message(json);
  /** @param {string} wrong @param {string} words @param {string} [seen] */
  const say = (wrong, words, seen = observed) => ({ wrong, words: `status ${status}, ${words}`, observed: seen });

  if (status >= 300 && status < 400) return say("login-page", "it sends clients elsewhere", header(answer, "location"));
  if (status === 429 || status === 509) return say("rate-limited", "it asks for patience", header(answer, "retry-after") ?? observed);
  if (status === 501) return say("not-lfs", "it has no batch API");
  if (status >= 500) return say("failing", "an error of the server or of a proxy before it");
  if (isPage(answer) && status !== 401) {
    return status === 404 || status === 405 ? say("not-lfs", "a page for people") : say("login-page", "a page for people");
  }
  switch (status) {
    case 200:
      return accepted(answer, json);
    case 401:
      return authenticated ? say("bad-credentials", "it refuses the credentials") : say("auth-required", "it wants credentials");
    case 403:
      return say("forbidden", "it does not allow this");
    case 404:
      // A refusal of the object, as some servers answer where none is there, says as much as an object's own error.
      if (/\bobjects?\b/i.test(observed ?? "") && !/repositor/i.test(observed ?? "")) return { transfer: "basic" };
      return json === undefined ? say("not-lfs", "nothing of LFS") : say("not-found", "there is no such repository, or it is hidden");
    case 422:
      return { unknown: `it understands the question and refuses it: ${observed ?? "without a reason"}` };
    default:
      return say("not-lfs", "nothing of LFS");
  }
}

/**
 * @param {Answer} answer
 * @param {any} json
 * @returns {Verdict}
 */
function accepted(answer, json) {
  if (json === undefined && answer.truncated) return { unknown: "its answer is longer than can be read" };
  if (!Array.isArray(json?.objects)) return { wrong: "not-lfs", words: "status 200, and no objects in the answer" };
  return { transfer: typeof json.transfer === "string" ? json.transfer : "basic" };
}

/** @param {Answer} answer */
function isPage(answer) {
  return /^text\/html\b/i.test(header(answer, "content-type") ?? "") || answer.body.trimStart().startsWith("<");
}

/** @param {Answer} answer @param {string} name */
function header(answer, name) {
  return answer.headers.find(([key]) => key.toLowerCase() === name)?.[1];
}

/** @param {string} text */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** @param {any} json */
function message(json) {
  return typeof json?.message === "string" ? json.message.slice(0, 200) : undefined;
}
