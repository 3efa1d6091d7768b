"""What a check is told."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from wit_world.exports import checks
from wit_world.exports.checks import Inherited, Target

__all__ = ["Context", "Inherited", "Target"]


class Context:
    """The settings, the targets, and what the checks that this one needs have found."""

    def __init__(
        self,
        *,
        settings: Mapping[str, Any] | None = None,
        targets: Sequence[Target] = (),
        facts: Sequence[Inherited] = (),
        codes: Sequence[Inherited] = (),
        budget: int = 5000,
        vantage: Mapping[str, str] | None = None,
    ) -> None:
        """For tests; the host's own is made by :meth:`of`."""
        #: As in checks.toml, valid by the schema in check.toml.
        self.settings: Mapping[str, Any] = dict(settings or {})
        self.targets = list(targets)
        #: Facts and finding codes of the checks that this one needs.
        self.facts = list(facts)
        self.codes = list(codes)
        #: The time budget of this attempt, in milliseconds.
        self.budget = budget
        #: "vantage", "embedded", "allow-writes", "offline" ...
        self.vantage: Mapping[str, str] = dict(vantage or {})

    @classmethod
    def of(cls, context: checks.Context) -> Context:
        """From the host's own."""
        return cls(
            settings=json.loads(context.settings_json),
            targets=context.targets,
            facts=context.facts,
            codes=context.codes,
            budget=context.budget,
            vantage=dict(context.vantage),
        )

    def setting(self, key: str) -> Any:
        """A setting by its path, e.g. ``latency.warn-ms``; ``None`` when it is not set."""
        value: Any = self.settings
        for part in key.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        return value

    def text(self, key: str, default: str = "") -> str:
        """A setting that is a text."""
        value = self.setting(key)
        return default if value is None else str(value)

    def inherited(self, key: str) -> str | None:
        """A fact of a check that this one needs, whichever it was."""
        return next((fact.value for fact in self.facts if fact.key == key), None)

    @property
    def addresses(self) -> list[str]:
        """All addresses of all targets, in order."""
        return [address for target in self.targets for address in target.addresses]
