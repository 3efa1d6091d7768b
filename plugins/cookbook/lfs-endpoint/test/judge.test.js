import assert from "node:assert/strict";
import { test } from "node:test";
import { MEDIA_TYPE, batch, judge, question } from "../src/judge.js";

const LFS = /** @type {[string, string]} */ (["content-type", `${MEDIA_TYPE}; charset=utf-8`]);
const HTML = /** @type {[string, string]} */ (["Content-Type", "text/html; charset=utf-8"]);

/** @param {number} status @param {[string, string][]} headers @param {string} body */
function told(status, headers = [], body = "", authenticated = false) {
  const verdict = judge({ status, headers, body, truncated: false }, authenticated);
  if ("transfer" in verdict) return verdict.transfer;
  return "wrong" in verdict ? verdict.wrong : "unknown";
}

test("an object that is not there is an answer", () => {
  const missing = '{"objects":[{"oid":"x","size":1,"error":{"code":404,"message":"Object does not exist"}}]}';
  assert.equal(told(200, [LFS], missing), "basic");
  assert.equal(told(200, [LFS], `{"transfer":"tus","objects":[]}`), "tus");
  // As giftless 0.6.2 answers.
  assert.equal(told(404, [LFS], '{"message":"404 Not Found: Cannot find any of the requested objects"}'), "basic");
  assert.equal(told(404, [LFS], '{"message":"Repository or object not found"}'), "not-found");
});

test("refusals are told apart", () => {
  const json = '{"message":"Credentials needed"}';
  assert.equal(told(401, [LFS], json), "auth-required");
  assert.equal(told(401, [HTML], "<html>"), "auth-required", "the status says enough");
  assert.equal(told(401, [LFS], json, true), "bad-credentials");
  assert.equal(told(403, [LFS], json, true), "forbidden");
  assert.equal(told(404, [LFS], '{"message":"Not found"}'), "not-found");
  assert.equal(told(429, [LFS], json), "rate-limited");
  assert.equal(told(422, [LFS], json), "unknown");
});

test("pages and other servers are told apart", () => {
  assert.equal(told(200, [HTML], "<!DOCTYPE html>Sign in"), "login-page");
  assert.equal(told(203, [], "  <html>"), "login-page");
  assert.equal(told(302, [["Location", "https://sso.test/"]]), "login-page");
  assert.equal(told(403, [HTML], "<html>blocked"), "login-page");
  assert.equal(told(404, [HTML], "<html>"), "not-lfs");
  assert.equal(told(404, [], "Not Found"), "not-lfs");
  assert.equal(told(405, [HTML], "<html>"), "not-lfs");
  assert.equal(told(200, [["content-type", "application/json"]], "{}"), "not-lfs");
  assert.equal(told(501, [], ""), "not-lfs");
  assert.equal(told(502, [HTML], "<html>"), "failing");
});

test("what cannot be read whole is not known", () => {
  assert.ok("unknown" in judge({ status: 200, headers: [LFS], body: '{"objects":[', truncated: true }, false));
});

test("the message of a refusal is shown", () => {
  const verdict = judge({ status: 403, headers: [LFS], body: '{"message":"over quota"}', truncated: false }, true);
  assert.equal("observed" in verdict && verdict.observed, "over quota");
});

test("the question is that of the API", () => {
  assert.equal(batch("https://git.test/o/r.git/info/lfs/"), "https://git.test/o/r.git/info/lfs/objects/batch");
  const asked = JSON.parse(question("upload"));
  assert.deepEqual([asked.operation, asked.transfers, asked.objects[0].oid.length], ["upload", ["basic"], 64]);
});
