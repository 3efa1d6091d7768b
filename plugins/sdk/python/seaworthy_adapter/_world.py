"""The interfaces that the component's world imports."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType


def lazily(**interfaces: str) -> Callable[[str], ModuleType]:
    """The ``__getattr__`` of a module whose attributes are interfaces of the contract. A
    component has only those that ``wit/world.wit`` imports, so they are looked up when they
    are asked for: at the top of the main module, which runs when the component is built."""

    def find(name: str) -> ModuleType:
        if name not in interfaces:
            raise AttributeError(f"the contract has no interface called {name}")
        package = interfaces[name].split("/")[0]
        # Two interfaces of one name get longer ones.
        for candidate in (f"seaworthy_{package}_{name}", name):
            try:
                return importlib.import_module(f"wit_world.imports.{candidate}")
            except ModuleNotFoundError:
                continue
        line = f"import seaworthy:{interfaces[name]};"
        raise ImportError(f"this component does not import {name}; add `{line}` to wit/world.wit")

    return find
