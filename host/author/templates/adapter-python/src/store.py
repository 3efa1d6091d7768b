"""Where a key lies, and what an answer means: plain functions, with ordinary tests."""

from seaworthy_adapter import CacheError

#: What the host reads of a body at most.
MOST_BYTES = 32 << 20

Headers = list[tuple[str, str]]


def url(base: str, key: str) -> str:
    """One segment a key, whatever is in it."""
    plain = "-_~" if key in (".", "..") else "-_~."
    quoted = "".join(c if c.isascii() and (c.isalnum() or c in plain) else _percent(c) for c in key)
    return f"{base.rstrip('/')}/{quoted}"


def _percent(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode())


def judge(url: str, status: int, retry_after: int | None) -> bool:
    """Whether the value is there. Absence is no error, and everything else that is not the
    value is one."""
    if 200 <= status < 300:
        return True
    if status in (404, 410):
        return False
    message, context = f"{url} answers {status}", {"status": str(status)}
    match status:
        case 401:
            raise CacheError.unauthenticated(message, **context)
        case 403:
            raise CacheError.forbidden(message, **context)
        case 405 | 501:
            raise CacheError.unsupported(message, **context)
        case 413:
            raise CacheError.too_large(message, **context)
        case 429:
            raise CacheError.rate_limited(message, retry_after, **context)
        case _ if status >= 500:
            raise CacheError("unreachable", "temporary", message, context=context, retry_after=retry_after)
        case _:
            raise CacheError("other", "permanent", message, context=context)


def unanswered(kind: str, message: str) -> CacheError:
    """The error of a request without an answer."""
    match kind:
        case "timeout":
            return CacheError.timed_out(message, cause=kind)
        case "denied":
            return CacheError("denied", "permanent", message, context={"cause": kind})
        case "invalid":
            return CacheError.configuration(message, cause=kind)
        case _:
            return CacheError.unreachable(message, cause=kind)


def length(headers: Headers) -> int | None:
    """Bytes of the value, where the answer says so."""
    return _number(headers, "content-length")


def retry_after(headers: Headers) -> int | None:
    """Milliseconds that the store wants to be left alone."""
    seconds = _number(headers, "retry-after")
    return None if seconds is None else min(seconds * 1000, 2**32 - 1)


def _number(headers: Headers, name: str) -> int | None:
    value = next((value.strip() for other, value in headers if other.lower() == name), "")
    return int(value) if value.isascii() and value.isdigit() else None
