"""As much of Redis's protocol (RESP 2) as a few questions take."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Refusal:
    """An error, in the server's words."""

    words: str

    @property
    def kind(self) -> str:
        """The first word, such as ``NOAUTH``."""
        return self.words.split(" ")[0]


Reply = str | Refusal


def commands(*asked: tuple[str, ...]) -> bytes:
    """Commands, each as an array of its words."""
    return b"".join(_command(words) for words in asked)


def _command(words: tuple[str, ...]) -> bytes:
    encoded = [word.encode() for word in words]
    return b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded)


def replies(received: bytes) -> list[Reply] | None:
    """The whole replies at the beginning, in order; ``None`` where it is no RESP at all."""
    found: list[Reply] = []
    at = 0
    while at < len(received):
        end = received.find(b"\r\n", at)
        if end < 0:
            # Cut, or something that has no lines.
            return found if found or received[at : at + 1] in (b"+", b"-", b"$", b":") else None
        kind, line = received[at : at + 1], received[at + 1 : end].decode(errors="replace")
        at = end + 2
        if kind in (b"+", b":"):
            found.append(line)
        elif kind == b"-":
            found.append(Refusal(line))
        elif kind == b"$" and line.lstrip("-").isdecimal():
            length = max(int(line), 0)
            if at + length + 2 > len(received):
                return found
            found.append(received[at : at + length].decode(errors="replace"))
            at += length + 2
        else:
            return None
    return found


def fields(info: str) -> dict[str, str]:
    """What ``INFO`` says, by name."""
    lines = (line.partition(":") for line in info.splitlines() if not line.startswith("#"))
    return {name: value for name, colon, value in lines if colon}
