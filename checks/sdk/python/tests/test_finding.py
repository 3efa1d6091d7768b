import unittest
from dataclasses import dataclass

from seaworthy_check import Code, Evidence, Fact, Findings, NothingObserved, millis
from wit_world.exports import checks

DIFFERS = Code("banner.differs", "fail")


@dataclass
class Answer:
    id: int


class Citing(unittest.TestCase):
    def test_evidence_holds_each_observation_once_and_in_order(self) -> None:
        evidence = Evidence(3, Answer(1), Evidence(3, 2)).including([Answer(4), 1])
        self.assertEqual(evidence.ids, [3, 1, 2, 4])
        self.assertEqual(Evidence.of(Answer(number) for number in (5, 6)).ids, [5, 6])

    def test_there_is_no_evidence_of_nothing(self) -> None:
        with self.assertRaises(NothingObserved):
            Evidence.of([])
        with self.assertRaises(TypeError):
            Evidence()  # type: ignore[call-arg]

    def test_nothing_is_found_without_a_citation(self) -> None:
        findings = Findings()
        with self.assertRaises(TypeError):
            findings.add(DIFFERS, "it differs")  # type: ignore[call-arg]
        with self.assertRaises(TypeError):
            findings.fact(Fact("greeting-ms"), "1.000")  # type: ignore[call-arg]
        self.assertEqual(len(findings), 0)

    def test_nothing_is_concluded_without_evidence(self) -> None:
        with self.assertRaises(TypeError):
            Findings().conclude("all is well")  # type: ignore[call-arg]
        nothings: list[object] = [[], None, 1]
        for nothing in nothings:
            with self.assertRaises(TypeError):
                Findings().conclude("all is well", nothing)  # type: ignore[arg-type]


class Concluding(unittest.TestCase):
    def test_a_finding_carries_what_was_said(self) -> None:
        findings = Findings()
        findings.add(
            DIFFERS,
            "it says `HTTP`",
            at="cache:25",
            observed="HTTP",
            expected="220",
            details={"proxy": "true"},
            cite=Evidence(Answer(1), 2),
        )
        findings.add(DIFFERS, "maybe", level="info", confidence="possible", cite=1)
        findings.fact(Fact("greeting-ms"), millis(1234), cite=Answer(1))
        self.assertTrue(findings.any_wrong)
        self.assertEqual(findings.count(DIFFERS), 2)
        outcome = findings.conclude("one looked at", Evidence(1))
        self.assertEqual(
            outcome.findings[0],
            checks.Finding(
                "banner.differs",
                "fail",
                "certain",
                "cache:25",
                "it says `HTTP`",
                "HTTP",
                "220",
                [1, 2],
                [("proxy", "true")],
            ),
        )
        self.assertEqual((outcome.findings[1].level, outcome.findings[1].confidence), ("info", "possible"))
        self.assertEqual(outcome.facts, [checks.Fact("greeting-ms", "1.234", [1])])
        self.assertEqual((outcome.conclusion, outcome.evidence), (checks.Conclusion_Concluded(), [1]))

    def test_every_other_end_has_its_reason(self) -> None:
        evidence = Evidence(1)
        for outcome, expected in [
            (Findings().inconclusive("why", evidence), checks.Conclusion_Inconclusive("why")),
            (Findings().not_configured("why", evidence), checks.Conclusion_Skip("not-configured: why")),
            (Findings().not_applicable("why", evidence), checks.Conclusion_Skip("not-applicable: why")),
        ]:
            self.assertEqual((outcome.conclusion, outcome.summary), (expected, "why"))

    def test_milliseconds_have_three_decimals(self) -> None:
        self.assertEqual([millis(n) for n in (0, 1_007, 3_066_120)], ["0.000", "1.007", "3066.120"])
