"""Is a Redis one that a cache can use?"""

from judge import Verdict, Wrong, judge
from manifest import (
    DESCRIPTOR,
    REDIS_CONNECT_MS,
    REDIS_AUTH_REQUIRED,
    REDIS_FULL,
    REDIS_LOADING,
    REDIS_NO_ANSWER,
    REDIS_NO_EVICTION,
    REDIS_OTHER_PROTOCOL,
    REDIS_POLICY,
    REDIS_PROTECTED,
    REDIS_READ_ONLY,
    REDIS_REFUSES,
    REDIS_ROLE,
    REDIS_TLS_EXPECTED,
    REDIS_UNBOUNDED,
    REDIS_UNREACHABLE,
    REDIS_USED_PERCENT,
    REDIS_WRONG_PASSWORD,
)
from resp import commands
from seaworthy_check import BrokenCheck, Context, Err, Evidence, Findings, Outcome, check, component, endpoint, millis
from seaworthy_check.net import tcp, tls

#: Bytes of all answers; INFO memory has some two thousand.
MOST = 64 << 10

SAID = {
    Wrong.OTHER_PROTOCOL: (REDIS_OTHER_PROTOCOL, "answers, and not as Redis"),
    Wrong.AUTH_REQUIRED: (REDIS_AUTH_REQUIRED, "wants a password"),
    Wrong.WRONG_PASSWORD: (REDIS_WRONG_PASSWORD, "refuses the password"),
    Wrong.PROTECTED: (REDIS_PROTECTED, "talks to its own machine only"),
    Wrong.LOADING: (REDIS_LOADING, "is still loading its data"),
    Wrong.REFUSES: (REDIS_REFUSES, "refuses to serve"),
    Wrong.READ_ONLY: (REDIS_READ_ONLY, "takes no writes"),
    Wrong.FULL: (REDIS_FULL, "is full, and evicts nothing"),
    Wrong.NO_EVICTION: (REDIS_NO_EVICTION, "evicts nothing when it is full"),
    Wrong.UNBOUNDED: (REDIS_UNBOUNDED, "has no limit of its memory"),
}


@check("cookbook/redis")
def redis(context: Context) -> Outcome:
    address = next(iter(context.addresses), None)
    if address is None:
        raise BrokenCheck("there is no target; name the server's `host:port` in [targets]")
    target = endpoint.socket(address)
    if target is None:
        raise BrokenCheck(f"{address} names no port")
    # Half for the question, half for a handshake where nothing answers it.
    timeout = context.budget // 2 - context.budget // 20
    if address.startswith("rediss://"):
        return over_tls(address, target, timeout)

    credentials = authentication(context)
    asked = [*credentials, ("PING",), ("INFO", "replication"), ("INFO", "memory")]
    [seen] = tcp.connect([tcp.Attempt(target, timeout, commands(*asked), MOST)])
    findings = Findings()
    if isinstance(seen.outcome, Err):
        failure = seen.outcome.value
        message = f"{address}: {failure.message}"
        findings.add(REDIS_UNREACHABLE, message, at=address, details={"kind": failure.kind}, cite=seen)
        return findings.conclude(f"{address} was not reached", Evidence(seen))
    connection = seen.outcome.value
    if not connection.received:
        return silent(address, target, timeout, seen, connection.read_end)
    writes = context.setting("writes") is not False
    verdict = judge(connection.received, authenticated=bool(credentials), writes=writes)
    for wrong, words in verdict.wrong:
        code, said = SAID[wrong]
        findings.add(code, f"{address} {said}: {words}", at=address, observed=words, cite=seen)
    record(findings, verdict, seen, connection.connect_elapsed)
    if verdict.unknown is not None:
        return findings.inconclusive(f"{address}: {verdict.unknown}", Evidence(seen))
    return findings.conclude(f"{address} asked for its role and memory", Evidence(seen))


def authentication(context: Context) -> list[tuple[str, ...]]:
    password = context.text("password")
    if not password:
        return []
    username = context.text("username")
    return [("AUTH", username, password) if username else ("AUTH", password)]


def record(findings: Findings, verdict: Verdict, seen: tcp.Seen, connected: int) -> None:
    if verdict.role is not None:
        findings.fact(REDIS_ROLE, verdict.role, cite=seen)
        findings.fact(REDIS_CONNECT_MS, millis(connected), cite=seen)
    if verdict.policy is not None:
        findings.fact(REDIS_POLICY, verdict.policy, cite=seen)
    if verdict.used_percent is not None:
        findings.fact(REDIS_USED_PERCENT, verdict.used_percent, cite=seen)


def handshake(target: str, timeout: int) -> tls.Seen:
    [seen] = tls.handshake([tls.Attempt(target, None, [], "none", timeout)])
    return seen


def silent(address: str, target: str, timeout: int, seen: tcp.Seen, ended: str) -> Outcome:
    """Nothing came: it may be that it waits for TLS."""
    shaken = handshake(target, timeout)
    evidence = Evidence(seen, shaken)
    findings = Findings()
    if isinstance(shaken.outcome, Err):
        code, said = REDIS_NO_ANSWER, "says nothing, neither without TLS nor with it"
    else:
        code, said = REDIS_TLS_EXPECTED, "says nothing without TLS, and shakes hands with it"
    findings.add(code, f"{address} {said}", at=address, details={"ended": ended}, cite=evidence)
    return findings.conclude(f"{address} says nothing", evidence)


def over_tls(address: str, target: str, timeout: int) -> Outcome:
    """No plugin sees what is said inside TLS, so this never passes."""
    seen = handshake(target, timeout)
    findings = Findings()
    if isinstance(seen.outcome, Err):
        failure = seen.outcome.value
        reached = failure.stage == "tls" or failure.kind.startswith("tls-")
        code = REDIS_NO_ANSWER if reached else REDIS_UNREACHABLE
        findings.add(code, f"{address}: {failure.message}", at=address, details={"kind": failure.kind}, cite=seen)
        return findings.conclude(f"{address} asked for a handshake", Evidence(seen))
    return findings.inconclusive(f"{address} speaks TLS; what it answers inside is not seen from here", Evidence(seen))


Checks = component(DESCRIPTOR, redis)
