"""What a check found, and what that rests on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol, Union

from wit_world.exports import checks
from wit_world.exports.checks import Outcome

__all__ = ["Cited", "Code", "Evidence", "Fact", "Findings", "NothingObserved", "Outcome"]

Level = Literal["fail", "warn", "info"]
Confidence = Literal["certain", "likely", "possible"]


class NothingObserved(Exception):
    """A check that looked at nothing has nothing to report, not even that all is well."""

    def __init__(self) -> None:
        super().__init__("nothing was observed")


class _Observed(Protocol):
    """What every probe answers: something with the id of an observation."""

    @property
    def id(self) -> int: ...


Cited = Union[int, _Observed, "Evidence"]
"""An observation: its id, the answer of a probe, or evidence already put together."""


class Evidence:
    """At least one observation. There is no other kind: ``Evidence()`` is a type error,
    and :meth:`of` raises when it is given nothing."""

    def __init__(self, first: Cited, *more: Cited) -> None:
        self._ids = _ids((first, *more))

    @classmethod
    def of(cls, answers: Iterable[Cited]) -> Evidence:
        """From the answers of probes.

        Raises :class:`NothingObserved` when there are none, which ends the check as broken.
        """
        ids = _ids(answers)
        if not ids:
            raise NothingObserved
        return cls(*ids)

    def including(self, answers: Iterable[Cited]) -> Evidence:
        """These and those."""
        return Evidence(self, *answers)

    @property
    def ids(self) -> list[int]:
        """The ids, each once, in order."""
        return list(self._ids)


def _ids(answers: Iterable[Cited]) -> tuple[int, ...]:
    ids: dict[int, None] = {}
    for answer in answers:
        if isinstance(answer, Evidence):
            ids.update(dict.fromkeys(answer.ids))
        elif isinstance(answer, int):
            ids[answer] = None
        else:
            ids[answer.id] = None
    return tuple(ids)


@dataclass(frozen=True)
class Code:
    """A code declared in ``check.toml``; the constants are in the module ``manifest``."""

    code: str
    #: The declared, worst level.
    level: Level


@dataclass(frozen=True)
class Fact:
    """A key of a fact declared in ``check.toml``; the constants are in ``manifest``."""

    key: str


class Findings:
    """The findings and facts of a check, until it concludes."""

    def __init__(self) -> None:
        self._findings: list[checks.Finding] = []
        self._facts: list[checks.Fact] = []

    def add(
        self,
        code: Code,
        message: str,
        *,
        cite: Cited,
        at: str | None = None,
        observed: str | None = None,
        expected: str | None = None,
        level: Level | None = None,
        confidence: Confidence = "certain",
        details: Mapping[str, str] | None = None,
    ) -> None:
        """Adds a finding.

        ``message`` says what was found, with the values; ``at`` is what it is about: an
        address, a variable, a tier. ``level`` may be milder than the declared one. The
        confidence is ``likely`` when a contradicting probe ran and passed, and
        ``possible`` when none ran.
        """
        self._findings.append(
            checks.Finding(
                code=code.code,
                level=level or code.level,
                confidence=confidence,
                target=at,
                message=message,
                observed=observed,
                expected=expected,
                evidence=Evidence(cite).ids,
                details=list((details or {}).items()),
            )
        )

    def fact(self, fact: Fact, value: str | int | float, *, cite: Cited) -> None:
        """Adds a fact."""
        self._facts.append(checks.Fact(key=fact.key, value=str(value), evidence=Evidence(cite).ids))

    def __len__(self) -> int:
        return len(self._findings)

    def __bool__(self) -> bool:
        return True

    @property
    def any_wrong(self) -> bool:
        """Whether anything found so far is more than information."""
        return any(finding.level != "info" for finding in self._findings)

    def count(self, code: Code) -> int:
        """How many findings of a code there are."""
        return sum(finding.code == code.code for finding in self._findings)

    def conclude(self, summary: str, evidence: Evidence) -> Outcome:
        """Looked at everything it is for. The host computes the status."""
        return self._end(summary, evidence, checks.Conclusion_Concluded())

    def inconclusive(self, reason: str, evidence: Evidence) -> Outcome:
        """Could not tell; what was found is kept."""
        return self._end(reason, evidence, checks.Conclusion_Inconclusive(reason))

    def not_configured(self, reason: str, evidence: Evidence) -> Outcome:
        """What it would look at is not configured."""
        return self._end(reason, evidence, checks.Conclusion_Skip(f"not-configured: {reason}"))

    def not_applicable(self, reason: str, evidence: Evidence) -> Outcome:
        """Does not apply here."""
        return self._end(reason, evidence, checks.Conclusion_Skip(f"not-applicable: {reason}"))

    def _end(self, summary: str, evidence: Evidence, conclusion: checks.Conclusion) -> Outcome:
        if not isinstance(evidence, Evidence):
            raise TypeError(f"a conclusion rests on Evidence, not on {type(evidence).__name__}")
        return Outcome(
            summary=summary,
            findings=self._findings,
            facts=self._facts,
            conclusion=conclusion,
            evidence=evidence.ids,
        )
