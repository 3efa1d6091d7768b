// A cache behind plain HTTP: GET, PUT, HEAD and DELETE of one URL a key.
import * as http from "seaworthy:net/http@0.1.0";
import { CacheAdapter, CacheError, blob, capability, component, entry } from "seaworthy-adapter";
import { DESCRIPTOR } from "./manifest.js";
import * as store from "./store.js";

class Web extends CacheAdapter {
  /**
   * @param {string} base
   * @param {number} timeout
   */
  constructor(base, timeout) {
    super();
    this.base = base;
    this.timeout = timeout;
  }

  /** @param {import("seaworthy-adapter").Config} config */
  static open(config) {
    const adapter = new Web(String(config.url), Number(config["timeout-ms"] ?? 5000));
    return { adapter, capability: capability(["get", "put", "stat", "invalidate"], { properties: ["shared"] }) };
  }

  /** @param {string} key */
  get(key) {
    const answer = this.send("GET", key);
    if (answer?.truncated) throw CacheError.tooLarge(`the value at ${store.url(this.base, key)} is too large`);
    return answer && blob(answer.body);
  }

  /**
   * @param {string} key
   * @param {import("seaworthy-adapter").Blob} value
   */
  put(key, value) {
    if (!this.send("PUT", key, value.bytes)) {
      throw CacheError.configuration(`there is no ${store.url(this.base, "")} to put into`);
    }
  }

  /** @param {string} key */
  stat(key) {
    const answer = this.send("HEAD", key);
    return answer && entry(key, store.length(answer.headers));
  }

  /** @param {string} key */
  invalidate(key) {
    this.send("DELETE", key); // What is not there need not be removed.
  }

  /**
   * The answer to one request; undefined when the key is not there.
   *
   * @param {string} method
   * @param {string} key
   * @param {Uint8Array} body
   */
  send(method, key, body = new Uint8Array()) {
    const url = store.url(this.base, key);
    const request = { method, url, headers: [], body, timeout: this.timeout, maxBody: store.MOST_BYTES, proxy: "environment" };
    const [{ outcome }] = http.send([request]);
    if (outcome.tag === "err") throw store.unanswered(outcome.val.kind, `${url}: ${outcome.val.message}`);
    const there = store.judge(url, outcome.val.status, store.retryAfter(outcome.val.headers));
    return there ? outcome.val : undefined;
  }
}

export const adapter = component(DESCRIPTOR, Web);
