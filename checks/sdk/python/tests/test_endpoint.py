import unittest

from seaworthy_check import endpoint


class Endpoints(unittest.TestCase):
    def test_every_notation_names_a_socket(self) -> None:
        for address, expected in [
            ("cache:9100", "cache:9100"),
            ("[::1]:9100", "[::1]:9100"),
            ("/ip4/10.0.0.1/tcp/9100/p2p/A", "10.0.0.1:9100"),
            ("/ip6/::1/tcp/7", "[::1]:7"),
            ("https://cache.test/x?y", "cache.test:443"),
            ("http://user:secret@cache.test:8080/", "cache.test:8080"),
            ("https://[::1]/", "[::1]:443"),
            ("tcp://cache:1", "cache:1"),
            ("cache", None),
            ("foo://cache", None),
            ("", None),
        ]:
            self.assertEqual(endpoint.socket(address), expected, address)

    def test_every_notation_names_a_host(self) -> None:
        for address, expected in [
            ("cache.test", "cache.test"),
            ("cache:9100", "cache"),
            ("[::1]:9100", "::1"),
            ("fe80::1", "fe80::1"),
            ("/dns4/a.test/tcp/1", "a.test"),
            ("https://u@cache.test:8/x", "cache.test"),
        ]:
            self.assertEqual(endpoint.host(address), expected, address)
