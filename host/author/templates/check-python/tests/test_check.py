"""The check itself, with a host that a test plays."""

import unittest
from unittest import mock

from check import greets as check
from seaworthy_check import Context, Err, NothingObserved, Ok, Outcome, Target
from seaworthy_check.net import tcp
from wit_world.exports.checks import Conclusion_Concluded, Conclusion_Inconclusive
from wit_world.imports.seaworthy_types_types import Failure


def run(*answers: tcp.Seen) -> Outcome:
    context = Context(settings={"greeting": "220 "}, targets=[Target("t", "tcp", [a.target for a in answers], [])])
    with mock.patch.object(tcp, "connect", lambda attempts: list(answers)):
        return check(context)


def greets(target: str, said: bytes, end: str = "data") -> tcp.Seen:
    return tcp.Seen(1, target, 1500, [], Ok(tcp.Connection(target, "", 100, said, end)))


class Checks(unittest.TestCase):
    def test_a_service_that_greets_is_right(self) -> None:
        outcome = run(greets("mail:25", b"220 "))
        self.assertEqual((outcome.findings, outcome.conclusion), ([], Conclusion_Concluded()))
        self.assertEqual([(fact.key, fact.value) for fact in outcome.facts], [("greeting-ms", "1.500")])

    def test_every_target_that_is_wrong_is_found(self) -> None:
        refused = Failure("connection-refused", "connect", 111, "connection refused", [])
        outcome = run(greets("mail:25", b"SSH-"), tcp.Seen(2, "mail:26", 100, [], Err(refused)))
        found = [(finding.code, finding.target, finding.evidence) for finding in outcome.findings]
        self.assertEqual(found, [("greeting.differs", "mail:25", [1]), ("greeting.unreachable", "mail:26", [2])])

    def test_silence_is_no_answer(self) -> None:
        self.assertIsInstance(run(greets("mail:25", b"", "timeout")).conclusion, Conclusion_Inconclusive)

    def test_without_a_target_there_is_nothing_to_say(self) -> None:
        with self.assertRaises(NothingObserved):
            run()
