"""From a class to a component."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import seaworthy_cache_types as types

from .values import Blob, CacheError, Capability, Entry

__all__ = ["CacheAdapter", "Config", "component"]

Config = Mapping[str, Any]
"""As in checks.toml, valid by the schema in ``adapter.toml``."""

T = TypeVar("T")


class CacheAdapter:
    """A cache adapter; the instance is its state between calls.

    An operation that the capability of :meth:`open` leaves out need not be there. Keys are
    never empty: those are refused before the adapter is asked.
    """

    @classmethod
    def open(cls, config: Config) -> tuple[CacheAdapter, Capability]:
        """Makes it ready, and says what it can do with this configuration. Called again, it
        looks anew and replaces the state when it succeeds."""
        raise NotImplementedError

    def get(self, key: str) -> Blob | None:
        """The value of ``key``; ``None`` is a miss and only that. An expired value is a miss."""
        raise NotImplementedError

    def put(self, key: str, value: Blob) -> None:
        """Stores a value over what was there."""
        raise CacheError.unsupported("this adapter does not store")

    def stat(self, key: str) -> Entry | None:
        """What is known of ``key`` without its value."""
        raise CacheError.unsupported("this adapter cannot look without reading")

    def invalidate(self, key: str) -> None:
        """Removes ``key``; succeeds when there is nothing to remove."""
        raise CacheError.unsupported("this adapter does not remove")

    def list(self, prefix: str, limit: int) -> list[Entry]:
        """At most ``limit`` keys that begin with ``prefix``."""
        raise CacheError.unsupported("this adapter cannot enumerate its keys")


def component(descriptor: str, adapter: type[CacheAdapter]) -> type[exports.Adapter]:
    """The class ``Adapter`` that the component exports; it has to have that name in the main
    module."""
    current: list[CacheAdapter] = []

    def opened() -> CacheAdapter:
        if not current:
            raise CacheError.configuration("the adapter is not open: `open` was not called or failed")
        return current[0]

    def named(key: str) -> CacheAdapter:
        if not key:
            raise CacheError.invalid("the key is empty")
        return opened()

    class Adapter(exports.Adapter):
        def describe(self) -> str:
            return descriptor

        def open(self, config: str) -> Capability:
            def work() -> Capability:
                state, capability = adapter.open(json.loads(config))
                current[:] = [state]
                return capability

            return _during("open", work)

        def get(self, key: str) -> Blob | None:
            return _during("get", lambda: named(key).get(key))

        def put(self, key: str, value: Blob) -> None:
            _during("put", lambda: named(key).put(key, value))

        def stat(self, key: str) -> Entry | None:
            return _during("stat", lambda: named(key).stat(key))

        def invalidate(self, key: str) -> None:
            _during("invalidate", lambda: named(key).invalidate(key))

        def list(self, prefix: str, limit: int) -> list[Entry]:
            return _during("list", lambda: opened().list(prefix, limit))

    return Adapter


def _during(operation: str, work: Callable[[], T]) -> T:
    try:
        return work()
    except CacheError as error:
        raise Err(error.during(operation)) from None
    except Err as error:
        # Of a host call that answers with the same errors.
        value = error.value
        if isinstance(value, types.CacheError):
            value.operation = operation
            raise Err(value) from None
        raise Err(CacheError.other(explain(error)).during(operation)) from None
    except Exception as error:
        raise Err(CacheError.other(explain(error)).during(operation)) from None


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
    return said + "".join(f"\n  at {place}" for place in places[2:] or places)
