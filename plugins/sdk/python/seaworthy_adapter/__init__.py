"""Write a seaworthy cache adapter in Python.

An adapter is a class with :class:`CacheAdapter` as its base, and a manifest
(``adapter.toml``) with its settings and what it asks to be allowed. The host opens it with
its configuration and keeps the instance for the run, so what ``open`` returns is the
adapter's state. It reaches the world only through :mod:`seaworthy_adapter.host`: HTTP, a
private key-value area on the disk, the peers, the configured secrets.

Absence is data, failure is an error: ``get`` answers ``None`` when the key is not there, and
raises :class:`CacheError` when it could not find out. Nothing else::

    from manifest import DESCRIPTOR
    from seaworthy_adapter import Blob, CacheAdapter, Capability, Config, blob, capability, component
    from seaworthy_adapter.host import storage

    class Plain(CacheAdapter):
        @classmethod
        def open(cls, config: Config) -> tuple["Plain", Capability]:
            storage.open(config["directory"])
            return cls(), capability("get", properties=["private"])

        def get(self, key: str) -> Blob | None:
            value = storage.get(key)
            return None if value is None else blob(value)

    Adapter = component(DESCRIPTOR, Plain)

What differs from ordinary Python: there is no socket, no file and no environment;
``random`` repeats itself and ``time`` stands still, so use ``host.random`` and ``host.clock``.
"""

from componentize_py_types import Err, Ok, Result

from .adapter import CacheAdapter, Config, component
from .values import Blob, CacheError, Capability, Entry, blob, capability, entry

__all__ = [
    "Blob",
    "CacheAdapter",
    "CacheError",
    "Capability",
    "Config",
    "Entry",
    "Err",
    "Ok",
    "Result",
    "blob",
    "capability",
    "component",
    "entry",
]
