"""From functions to a component."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports import checks

from .context import Context
from .finding import NothingObserved, Outcome

__all__ = ["BrokenCheck", "Check", "check", "component"]


class BrokenCheck(Exception):
    """Raise it when the check itself cannot work, as when a setting contradicts another:
    not for a target that is wrong (that is a finding), nor when the check could not tell
    (that is ``inconclusive``)."""


class Check:
    """A function under the id that it has in ``check.toml``. Called, it is that function."""

    def __init__(self, id: str, function: Callable[[Context], Outcome]) -> None:
        self.id = id
        self._function = function
        self.__doc__ = function.__doc__

    def __call__(self, context: Context) -> Outcome:
        return self._function(context)


def check(id: str) -> Callable[[Callable[[Context], Outcome]], Check]:
    """Makes a function the check called ``id``."""
    return lambda function: Check(id, function)


def component(descriptor: str, *parts: Check) -> type[exports.Checks]:
    """The class ``Checks`` that the component exports; it has to have that name in the
    main module.

    Raises ``ValueError`` when ``check.toml`` and the functions do not name the same
    checks, which ends the build.
    """
    declared = [entry["id"] for entry in json.loads(descriptor)["checks"]]
    written = {part.id: part for part in parts}
    if sorted(declared) != sorted(written):
        raise ValueError(f"check.toml declares {declared}, and the code has {list(written)}")

    class Checks(exports.Checks):
        def describe(self) -> str:
            return descriptor

        def run(self, id: str, context: checks.Context) -> Outcome:
            try:
                return written[id](Context.of(context))
            except (BrokenCheck, NothingObserved) as error:
                raise Err(str(error)) from None
            except Exception as error:
                raise Err(explain(error)) from None

    return Checks


def explain(error: BaseException) -> str:
    """An exception with the lines that it passed, innermost last.

    Not ``traceback``: that looks for the source in files, of which a component has none.
    """
    places: list[str] = []
    frame: Any = error.__traceback__
    while frame is not None:
        code = frame.tb_frame.f_code
        places.append(f"{code.co_filename}:{frame.tb_lineno} in {code.co_name}")
        frame = frame.tb_next
    said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return said + "".join(f"\n  at {place}" for place in places[1:] or places)
