"""The adapter itself, with a host that a test plays."""

import unittest
from unittest import mock

from adapter import Web
from seaworthy_adapter import CacheError, Err, Ok, blob
from seaworthy_adapter.host import http
from wit_world.imports.seaworthy_types_types import Failure


class Adapters(unittest.TestCase):
    def setUp(self) -> None:
        self.asked: list[http.Request] = []
        self.web, _ = Web.open({"url": "http://cache.test"})

    def answer(self, status: int, body: bytes = b"", headers: list[tuple[str, str]] | None = None) -> None:
        self.play(Ok(http.Response(status, headers or [], body, False, "", [])))

    def play(self, outcome: Ok[http.Response] | Err[Failure]) -> None:
        def send(requests: list[http.Request]) -> list[http.Seen]:
            self.asked += requests
            return [http.Seen(1, requests[0].url, 1, outcome)]

        playing = mock.patch.object(http, "send", send)
        playing.start()
        self.addCleanup(playing.stop)

    def test_a_value_is_read_and_stored(self) -> None:
        self.answer(200, b"v", [("Content-Length", "1")])
        self.assertEqual(self.web.get("k"), blob(b"v"))
        self.web.put("k", blob(b"new"))
        found = self.web.stat("k")
        assert found is not None
        self.assertEqual(found.size, 1)
        self.assertEqual(
            [(request.method, request.url, request.body) for request in self.asked],
            [("GET", "http://cache.test/k", b""), ("PUT", "http://cache.test/k", b"new"), ("HEAD", "http://cache.test/k", b"")],
        )

    def test_what_is_not_there_is_a_miss(self) -> None:
        self.answer(404)
        self.assertIsNone(self.web.get("k"))
        self.assertIsNone(self.web.stat("k"))
        self.web.invalidate("k")
        with self.assertRaises(CacheError):
            self.web.put("k", blob(b"new"))

    def test_no_answer_is_no_miss(self) -> None:
        self.play(Err(Failure("timeout", "connect", None, "no answer", [])))
        with self.assertRaisesRegex(CacheError, "http://cache.test/k: no answer"):
            self.web.get("k")
