import assert from "node:assert/strict";
import { test } from "node:test";
import { info, jetstream, obstacles, shown } from "../src/judge.js";

const PLAIN = { tls: false, credentials: false, jetstream: false };

test("INFO is read, and nothing else is taken for it", () => {
  assert.deepEqual(info('INFO {"version":"2.15.3","jetstream":true} \r\n'), { version: "2.15.3", jetstream: true });
  for (const other of ["HTTP/1.1 400 Bad Request\r\n\r\n", "INFO {", 'INFO {"a":1}', "INFO 7\r\n", "INFO {x}\r\n", "+PONG\r\n"]) {
    assert.equal(info(other), undefined, other);
  }
});

test("an error in place of INFO is told", () => {
  assert.equal(info("-ERR 'maximum connections exceeded'\r\n"), "maximum connections exceeded");
});

test("clients meet what they are not configured for", () => {
  assert.deepEqual(obstacles({}, PLAIN), []);
  assert.deepEqual(obstacles({ tls_required: true, auth_required: true }, PLAIN), ["tls-required", "auth-required"]);
  assert.deepEqual(obstacles({ tls_required: true, auth_required: true }, { ...PLAIN, tls: true, credentials: true }), []);
  assert.deepEqual(obstacles({}, { ...PLAIN, tls: true }), ["tls-missing"]);
  assert.deepEqual(obstacles({ tls_available: true }, { ...PLAIN, tls: true }), [], "where it may be used");
  assert.deepEqual(obstacles({}, { ...PLAIN, jetstream: true }), ["no-jetstream"]);
});

// As nats-server 2.15.3 answers.
const INFO = 'INFO {"version":"2.15.3"} \r\n';

test("JetStream is there when it answers", () => {
  assert.equal(jetstream(`${INFO}PONG\r\nMSG _INBOX.seaworthy 1 20\r\n{"type":"x","memory":0}\r\n`), "there");
});

test("JetStream is not there when nobody answers, or says so", () => {
  assert.equal(jetstream(`${INFO}HMSG _INBOX.seaworthy 1 44 44\r\nNATS/1.0 503\r\nNats-Subject: $JS.API.INFO\r\n\r\n\r\nPONG\r\n`), "not-there");
  assert.equal(jetstream(`${INFO}MSG _INBOX.seaworthy 1 99\r\n{"error":{"code":503,"err_code":10039}}\r\n`), "not-there");
});

test("what does not tell is not known", () => {
  assert.equal(jetstream(`${INFO}PONG\r\n`), undefined);
  assert.equal(jetstream(`${INFO}MSG _INBOX.seaworthy 1 99\r\n{"error":{"err_code":10008}}\r\n`), undefined);
  assert.equal(jetstream(`${INFO}MSG _INBOX.seaworthy 1 99\r\n{"erro`), undefined);
});

test("an error of the server is told", () => {
  assert.deepEqual(jetstream(`${INFO}-ERR 'Authorization Violation'\r\n`), { refused: "Authorization Violation" });
});

test("what is shown is printable", () => {
  assert.equal(shown("a\x07\r\nb"), "a...b");
});
