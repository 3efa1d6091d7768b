import unittest

from greeting import Greeting, judge, shown


class Greetings(unittest.TestCase):
    def test_a_greeting_starts_as_configured(self) -> None:
        self.assertIs(judge(b"SSH-2.0-OpenSSH_9.6\r\n", b"SSH-2.0-", timed_out=False), Greeting.AS_WANTED)
        self.assertEqual(judge(b"HTTP/1.1", b"SSH-2.0-", timed_out=False), "HTTP/1.1")

    def test_who_is_cut_short_is_not_wrong(self) -> None:
        self.assertIs(judge(b"", b"220 ", timed_out=True), Greeting.SILENT)
        self.assertIs(judge(b"22", b"220 ", timed_out=True), Greeting.SILENT)
        self.assertEqual(judge(b"50", b"220 ", timed_out=True), "50")
        self.assertEqual(judge(b"", b"220 ", timed_out=False), "", "it hung up")

    def test_only_the_first_line_is_shown(self) -> None:
        self.assertEqual(shown(b"220 mail\x07 ready\r\nmore"), "220 mail. ready")
