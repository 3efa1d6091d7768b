"""Does a service greet as it should?"""

from greeting import Greeting, judge
from manifest import DESCRIPTOR, GREETING_DIFFERS, GREETING_MS, GREETING_SLOW, GREETING_UNREACHABLE
from seaworthy_check import Context, Err, Evidence, Findings, Outcome, check, component, millis
from seaworthy_check.net import tcp


@check("acme/greeting")
def greets(context: Context) -> Outcome:
    wanted = context.text("greeting")
    seen = tcp.connect(attempts(context, wanted.encode()))
    evidence = Evidence.of(seen)

    findings = Findings()
    silent: list[str] = []
    slowest: list[int] = []
    for answer in seen:
        if isinstance(answer.outcome, Err):
            failure = answer.outcome.value
            message = f"{answer.target}: {failure.message}"
            findings.add(
                GREETING_UNREACHABLE, message, at=answer.target, details={"kind": failure.kind}, cite=answer
            )
            continue
        connection = answer.outcome.value
        said = judge(connection.received, wanted.encode(), timed_out=connection.read_end == "timeout")
        if said is Greeting.AS_WANTED:
            # ANCHOR: slow
            slowest.append(answer.elapsed)
            if answer.elapsed > 1000 * int(context.settings.get("slow-ms", 1000)):
                took = f"{millis(answer.elapsed)} ms"
                findings.add(GREETING_SLOW, f"{answer.target} greets late", at=answer.target, observed=took, cite=answer)
            # ANCHOR_END: slow
        elif said is Greeting.SILENT:
            silent.append(answer.target)
        else:
            message = f"{answer.target} says `{said}`, not `{wanted}`"
            findings.add(GREETING_DIFFERS, message, at=answer.target, observed=said, expected=wanted, cite=answer)
    if slowest:
        findings.fact(GREETING_MS, millis(max(slowest)), cite=evidence)
    if silent:
        return findings.inconclusive(f"no greeting in time from {', '.join(silent)}", evidence)
    return findings.conclude(f"{len(seen)} targets asked for their greeting", evidence)


def attempts(context: Context, wanted: bytes) -> list[tcp.Attempt]:
    """All targets at once; a little earlier than the host, so that what was seen is told. No
    more bytes than are compared: a service that waits after its greeting costs no time."""
    timeout = context.budget - context.budget // 20
    return [tcp.Attempt(target, timeout, payload=b"", read_max=len(wanted)) for target in context.addresses]


Checks = component(DESCRIPTOR, greets)
