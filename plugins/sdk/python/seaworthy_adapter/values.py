"""Making the values of the contract."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from wit_world.imports import seaworthy_cache_types as types
from wit_world.imports.seaworthy_cache_types import Blob, Capability, Entry

__all__ = ["Blob", "CacheError", "Capability", "Entry", "blob", "capability", "entry"]


class CacheError(Exception):
    """Why an operation could not be done.

    Prefer the constructor of a kind. The message says what failed, where, and what to do,
    and never holds a secret.
    """

    def __init__(
        self,
        kind: str,
        retry: str,
        message: str,
        *,
        context: Mapping[str, str] | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        #: "permanent", "temporary" or "persistent".
        self.retry = retry
        self.message = message
        self.context = dict(context or {})
        #: Milliseconds.
        self.retry_after = retry_after

    @classmethod
    def unreachable(cls, message: str, **context: str) -> CacheError:
        """Nothing answered at the address; temporary."""
        return cls("unreachable", "temporary", message, context=context)

    @classmethod
    def timed_out(cls, message: str, **context: str) -> CacheError:
        """No answer within the time budget; temporary."""
        return cls("timed-out", "temporary", message, context=context)

    @classmethod
    def unauthenticated(cls, message: str, **context: str) -> CacheError:
        """The credentials are missing or wrong; permanent."""
        return cls("unauthenticated", "permanent", message, context=context)

    @classmethod
    def forbidden(cls, message: str, **context: str) -> CacheError:
        """Not allowed with these credentials; permanent."""
        return cls("forbidden", "permanent", message, context=context)

    @classmethod
    def integrity(cls, message: str, **context: str) -> CacheError:
        """What came back is not what was stored; permanent, until it is overwritten."""
        return cls("integrity", "permanent", message, context=context)

    @classmethod
    def too_large(cls, message: str, **context: str) -> CacheError:
        """Larger than the backend takes; permanent."""
        return cls("too-large", "permanent", message, context=context)

    @classmethod
    def unsupported(cls, message: str, **context: str) -> CacheError:
        """The adapter does not have this operation; permanent."""
        return cls("unsupported", "permanent", message, context=context)

    @classmethod
    def configuration(cls, message: str, **context: str) -> CacheError:
        """The configuration is wrong; permanent."""
        return cls("configuration", "permanent", message, context=context)

    @classmethod
    def invalid(cls, message: str, **context: str) -> CacheError:
        """The request makes no sense; permanent."""
        return cls("invalid", "permanent", message, context=context)

    @classmethod
    def rate_limited(cls, message: str, retry_after: int | None = None, **context: str) -> CacheError:
        """The backend asks for patience, for ``retry_after`` milliseconds when it said so."""
        return cls("rate-limited", "temporary", message, context=context, retry_after=retry_after)

    @classmethod
    def other(cls, message: str, **context: str) -> CacheError:
        """Anything else; persistent."""
        return cls("other", "persistent", message, context=context)

    def during(self, operation: str) -> types.CacheError:
        """As the contract has it."""
        context = list(self.context.items())
        return types.CacheError(self.kind, self.retry, operation, self.message, context, self.retry_after)


def capability(
    *operations: str, properties: Iterable[str] = (), limits: Mapping[str, int] | None = None
) -> Capability:
    """What an adapter can do: of ``get``, ``put``, ``stat``, ``invalidate`` and ``list``; with
    properties (``shared``, ``expiring``, ``private``, ``durable`` ...) and limits
    (``max-value-bytes``, ``max-key-bytes`` ...)."""
    limited = [(name, str(value)) for name, value in (limits or {}).items()]
    return Capability(list(operations), list(properties), limited)


def blob(value: bytes, *, created: int = 0, ttl: int | None = None, metadata: Mapping[str, str] | None = None) -> Blob:
    """A value: made at ``created`` (milliseconds since 1970; 0 is unknown), with ``ttl``
    milliseconds left to live (none: until it is evicted)."""
    return Blob(value, created, ttl, list((metadata or {}).items()))


def entry(key: str, size: int | None = None, **details: str) -> Entry:
    """What is known of a key without its value."""
    return Entry(key, size, list(details.items()))
