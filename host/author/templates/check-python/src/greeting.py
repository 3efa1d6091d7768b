"""The deciding, in plain functions."""

from enum import Enum


class Greeting(Enum):
    AS_WANTED = "as wanted"
    #: Nothing, or only the beginning, when the time was over.
    SILENT = "silent"


def judge(received: bytes, wanted: bytes, *, timed_out: bool) -> Greeting | str:
    """What to think of the first bytes; a text is what was said instead."""
    if received.startswith(wanted):
        return Greeting.AS_WANTED
    if timed_out and wanted.startswith(received):
        return Greeting.SILENT
    return shown(received)


def shown(received: bytes) -> str:
    """The first line, printable."""
    line = received.replace(b"\r", b"\n").split(b"\n")[0]
    return "".join(chr(byte) if 32 <= byte < 127 else "." for byte in line)
