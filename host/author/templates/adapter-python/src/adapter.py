"""A cache behind plain HTTP: GET, PUT, HEAD and DELETE of one URL a key."""

from manifest import DESCRIPTOR
from seaworthy_adapter import (
    Blob,
    CacheAdapter,
    CacheError,
    Capability,
    Config,
    Entry,
    Err,
    blob,
    capability,
    component,
    entry,
)
from seaworthy_adapter.host import http

import store


class Web(CacheAdapter):
    def __init__(self, base: str, timeout: int) -> None:
        self.base = base
        self.timeout = timeout

    @classmethod
    def open(cls, config: Config) -> tuple["Web", Capability]:
        web = cls(config["url"], config.get("timeout-ms", 5000))
        return web, capability("get", "put", "stat", "invalidate", properties=["shared"])

    def get(self, key: str) -> Blob | None:
        answer = self.send("GET", key)
        if answer and answer.truncated:
            raise CacheError.too_large(f"the value at {store.url(self.base, key)} is too large")
        return blob(answer.body) if answer else None

    def put(self, key: str, value: Blob) -> None:
        if self.send("PUT", key, value.bytes) is None:
            raise CacheError.configuration(f"there is no {store.url(self.base, '')} to put into")

    def stat(self, key: str) -> Entry | None:
        answer = self.send("HEAD", key)
        return entry(key, store.length(answer.headers)) if answer else None

    def invalidate(self, key: str) -> None:
        self.send("DELETE", key)  # What is not there need not be removed.

    def send(self, method: str, key: str, body: bytes = b"") -> http.Response | None:
        """The answer to one request; ``None`` when the key is not there."""
        url = store.url(self.base, key)
        request = http.Request(method, url, [], body, self.timeout, store.MOST_BYTES, "environment")
        outcome = http.send([request])[0].outcome
        if isinstance(outcome, Err):
            failure = outcome.value
            raise store.unanswered(failure.kind, f"{url}: {failure.message}")
        answer = outcome.value
        there = store.judge(url, answer.status, store.retry_after(answer.headers))
        return answer if there else None


Adapter = component(DESCRIPTOR, Web)
