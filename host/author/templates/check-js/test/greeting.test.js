import assert from "node:assert/strict";
import { test } from "node:test";
import { AS_WANTED, SILENT, judge, shown } from "../src/greeting.js";

const bytes = (/** @type {string} */ text) => new TextEncoder().encode(text);

test("a greeting starts as configured", () => {
  assert.equal(judge(bytes("SSH-2.0-OpenSSH_9.6\r\n"), bytes("SSH-2.0-"), false), AS_WANTED);
  assert.equal(judge(bytes("HTTP/1.1"), bytes("SSH-2.0-"), false), "HTTP/1.1");
});

test("who is cut short is not wrong", () => {
  assert.equal(judge(bytes(""), bytes("220 "), true), SILENT);
  assert.equal(judge(bytes("22"), bytes("220 "), true), SILENT);
  assert.equal(judge(bytes("50"), bytes("220 "), true), "50");
  assert.equal(judge(bytes(""), bytes("220 "), false), "", "it hung up");
});

test("only the first line is shown", () => {
  assert.equal(shown(bytes("220 mail\x07 ready\r\nmore")), "220 mail. ready");
});
