"""Write a seaworthy check in Python.

A check is a function from a :class:`Context` to an :class:`Outcome`, and a table of the
codes and facts that it may report (``check.toml``, from which ``seaworthy plugin build``
makes the module ``manifest``). It looks at the world only through the host's probes
(:mod:`~seaworthy_check.net`, :mod:`~seaworthy_check.env`, ...); every answer carries the
id of an observation that the host recorded, and every finding and fact cites such ids.
An outcome cannot be made without evidence, so a check that did not look cannot pass::

    from manifest import DESCRIPTOR, X_UNREACHABLE
    from seaworthy_check import Context, Err, Evidence, Findings, Outcome, check, component
    from seaworthy_check.net import tcp

    @check("acme/x")
    def reach(context: Context) -> Outcome:
        seen = tcp.connect([tcp.Attempt(target, context.budget, b"", 0) for target in context.addresses])
        findings = Findings()
        for answer in seen:
            if isinstance(answer.outcome, Err):
                findings.add(X_UNREACHABLE, answer.outcome.value.message, at=answer.target, cite=answer)
        return findings.conclude("asked every target", Evidence.of(seen))

    Checks = component(DESCRIPTOR, reach)

What differs from ordinary Python: there is no socket, no file and no environment but
through the probes; ``random`` repeats itself and ``time`` stands still, so use
``seaworthy_check.kit.random`` and ``seaworthy_check.kit.clock``.
"""

from componentize_py_types import Err, Ok, Result

from .check import BrokenCheck, Check, check, component
from .context import Context, Inherited, Target
from .finding import Cited, Code, Evidence, Fact, Findings, NothingObserved, Outcome
from .units import millis

__all__ = [
    "BrokenCheck",
    "Check",
    "Cited",
    "Code",
    "Context",
    "Err",
    "Evidence",
    "Fact",
    "Findings",
    "Inherited",
    "NothingObserved",
    "Ok",
    "Outcome",
    "Result",
    "Target",
    "check",
    "component",
    "millis",
]
