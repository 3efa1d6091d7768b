"""Does a proxy of npm or PyPI hand out packages?"""

from judge import SIMPLE_JSON, Answer, Found, Trouble, Unknown, Wrong, is_ping, judge, page
from manifest import (
    DESCRIPTOR,
    PACKAGE_ANSWER_MS,
    PACKAGE_FAILING,
    PACKAGE_FILES_HOST,
    PACKAGE_FORMAT,
    PACKAGE_LOGIN_PAGE,
    PACKAGE_NOT_FOUND,
    PACKAGE_NOT_PROXY,
    PACKAGE_PING,
    PACKAGE_REFUSES,
    PACKAGE_UNREACHABLE,
)
from seaworthy_check import BrokenCheck, Context, Err, Evidence, Findings, Outcome, check, component, millis
from seaworthy_check.net import http

#: Bytes of a page that are read: enough to know it.
MOST = 256 << 10

#: What each installer asks for first, and what it says that it takes.
INSTALLERS = {
    "npm": ("abbrev", "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8"),
    "pypi": ("six", f"{SIMPLE_JSON}, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01"),
}

CODES = {
    Wrong.LOGIN_PAGE: PACKAGE_LOGIN_PAGE,
    Wrong.REFUSES: PACKAGE_REFUSES,
    Wrong.NOT_FOUND: PACKAGE_NOT_FOUND,
    Wrong.NOT_PROXY: PACKAGE_NOT_PROXY,
    Wrong.FAILING: PACKAGE_FAILING,
}


@check("cookbook/package-proxy")
def proxy(context: Context) -> Outcome:
    base = next(iter(context.addresses), "").rstrip("/")
    if not base:
        raise BrokenCheck("there is no target; name the proxy's URL in [targets]")
    kind = context.text("kind")
    usual, accept = INSTALLERS[kind]
    package = context.text("package", usual)
    urls = [page(kind, base, package)] + ([f"{base}/-/ping"] if kind == "npm" else [])
    timeout = context.budget - context.budget // 20
    seen = http.send([http.Request("GET", url, [("accept", accept)], b"", timeout, MOST, "environment") for url in urls])
    evidence = Evidence.of(seen)

    findings = Findings()
    pings = kind == "npm" and pinged(seen[1])
    if kind == "npm":
        findings.fact(PACKAGE_PING, str(pings).lower(), cite=seen[1])
    asked = seen[0]
    if isinstance(asked.outcome, Err):
        failure = asked.outcome.value
        findings.add(
            PACKAGE_UNREACHABLE, f"{asked.url}: {failure.message}", at=base, details={"kind": failure.kind}, cite=asked
        )
        return findings.conclude(f"{base} was not reached", evidence)
    verdict = judge(kind, package, answer(asked.url, asked.outcome.value), pings=pings)
    match verdict:
        case Unknown(why):
            return findings.inconclusive(f"{base}: {why}", evidence)
        case Trouble(wrong, words, certain):
            findings.add(
                CODES[wrong],
                f"{asked.url}: {words}",
                at=base,
                observed=words,
                confidence="certain" if certain else "likely",
                cite=evidence,
            )
        case Found(format, host):
            findings.fact(PACKAGE_FORMAT, format, cite=asked)
            findings.fact(PACKAGE_ANSWER_MS, millis(asked.elapsed), cite=asked)
            if host is not None:
                findings.fact(PACKAGE_FILES_HOST, host, cite=asked)
    return findings.conclude(f"{base} asked for {package}", evidence)


def answer(url: str, response: http.Response) -> Answer:
    headers = {name.lower(): value for name, value in response.headers}
    return Answer(url, response.status, headers, response.body.decode(errors="replace"), response.truncated)


def pinged(seen: http.Seen) -> bool:
    return not isinstance(seen.outcome, Err) and is_ping(answer(seen.url, seen.outcome.value))


Checks = component(DESCRIPTOR, proxy)
