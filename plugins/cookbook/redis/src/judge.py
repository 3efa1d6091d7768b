"""The deciding, in plain functions."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto

from resp import Refusal, Reply, fields, replies


class Wrong(Enum):
    OTHER_PROTOCOL = auto()
    AUTH_REQUIRED = auto()
    WRONG_PASSWORD = auto()
    PROTECTED = auto()
    LOADING = auto()
    REFUSES = auto()
    READ_ONLY = auto()
    FULL = auto()
    NO_EVICTION = auto()
    UNBOUNDED = auto()


@dataclass
class Verdict:
    #: What is wrong, each with the server's words or values.
    wrong: list[tuple[Wrong, str]] = field(default_factory=list)
    role: str | None = None
    policy: str | None = None
    used_percent: int | None = None
    #: Why it could not tell everything.
    unknown: str | None = None


#: The beginnings of errors that say what is wrong with the whole server.
KNOWN = {
    "NOAUTH": Wrong.AUTH_REQUIRED,
    "WRONGPASS": Wrong.WRONG_PASSWORD,
    "DENIED": Wrong.PROTECTED,
    "LOADING": Wrong.LOADING,
}


def judge(received: bytes, *, authenticated: bool, writes: bool) -> Verdict:
    """Judges the answers to AUTH (where it was sent), PING, INFO replication and INFO memory."""
    found = replies(received)
    if found is None:
        return Verdict(wrong=[(Wrong.OTHER_PROTOCOL, shown(received))])
    refused = next((reply for reply in found if isinstance(reply, Refusal)), None)
    if authenticated and found and isinstance(found[0], Refusal) and found[0].kind in ("ERR", "WRONGPASS"):
        return Verdict(wrong=[(Wrong.WRONG_PASSWORD, found[0].words)])
    if refused is not None and refused.kind in KNOWN:
        return Verdict(wrong=[(KNOWN[refused.kind], refused.words)])
    asked = found[1:] if authenticated else found
    if not asked:
        return Verdict(unknown="its answer did not end in time")
    if isinstance(asked[0], Refusal):
        return Verdict(wrong=[(Wrong.REFUSES, asked[0].words)])
    if asked[0] != "PONG":
        return Verdict(wrong=[(Wrong.OTHER_PROTOCOL, shown(received))])
    verdict = Verdict()
    _replication(verdict, asked, writes)
    _memory(verdict, asked, writes)
    return verdict


def _info(verdict: Verdict, asked: list[Reply], position: int) -> dict[str, str]:
    """The fields of an INFO; none, and why, where it was not answered."""
    reply = asked[position] if position < len(asked) else None
    if isinstance(reply, str):
        return fields(reply)
    words = reply.words if isinstance(reply, Refusal) else "no answer in time"
    verdict.unknown = verdict.unknown or f"it answers PING, and INFO is refused: {words}"
    return {}


def _replication(verdict: Verdict, asked: list[Reply], writes: bool) -> None:
    info = _info(verdict, asked, 1)
    verdict.role = info.get("role")
    if writes and verdict.role == "slave" and info.get("slave_read_only", "1") != "0":
        verdict.wrong.append((Wrong.READ_ONLY, f"a replica of {info.get('master_host', 'another server')}"))


def _memory(verdict: Verdict, asked: list[Reply], writes: bool) -> None:
    info = _info(verdict, asked, 2)
    verdict.policy = info.get("maxmemory_policy")
    used, most = info.get("used_memory", ""), info.get("maxmemory", "")
    if not (used.isdecimal() and most.isdecimal()):
        return
    if int(most) == 0:
        verdict.wrong.append((Wrong.UNBOUNDED, "maxmemory 0"))
        return
    verdict.used_percent = int(used) * 100 // int(most)
    if verdict.policy == "noeviction" and writes:
        full = int(used) >= int(most)
        verdict.wrong.append((Wrong.FULL if full else Wrong.NO_EVICTION, f"{used} of {most} bytes"))


def shown(received: bytes) -> str:
    """The beginning, printable."""
    return "".join(chr(byte) if 32 <= byte < 127 else "." for byte in received[:40])
