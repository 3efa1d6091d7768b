import unittest

import store
from seaworthy_adapter import CacheError


class Stores(unittest.TestCase):
    def test_a_key_is_one_segment(self) -> None:
        base = "http://cache.test/builds/"
        for key, expected in [("a/b c?", "a%2Fb%20c%3F"), ("v1.2_x-ä", "v1.2_x-%C3%A4"), ("..", "%2E%2E")]:
            self.assertEqual(store.url(base, key), f"http://cache.test/builds/{expected}")

    def test_absence_is_no_error_and_an_error_no_absence(self) -> None:
        self.assertTrue(store.judge("u", 204, None))
        self.assertFalse(store.judge("u", 404, None))
        for status, kind, retry in [
            (302, "other", "permanent"),
            (401, "unauthenticated", "permanent"),
            (403, "forbidden", "permanent"),
            (405, "unsupported", "permanent"),
            (413, "too-large", "permanent"),
            (429, "rate-limited", "temporary"),
            (503, "unreachable", "temporary"),
        ]:
            with self.assertRaises(CacheError) as caught:
                store.judge("u", status, 5000)
            self.assertEqual((caught.exception.kind, caught.exception.retry), (kind, retry), status)
        self.assertEqual(store.unanswered("timeout", "m").kind, "timed-out")
        self.assertEqual(store.unanswered("connection-refused", "m").kind, "unreachable")

    def test_headers_have_no_case(self) -> None:
        headers = [("Content-Length", "12"), ("RETRY-AFTER", " 3")]
        self.assertEqual((store.length(headers), store.retry_after(headers)), (12, 3000))
        self.assertEqual((store.length([]), store.retry_after([("retry-after", "Fri")])), (None, None))
