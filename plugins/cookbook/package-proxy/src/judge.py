"""The deciding, in plain functions."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

SIMPLE_JSON = "application/vnd.pypi.simple.v1+json"
#: What a link of a simple index leads to.
FILE = re.compile(r"""<a\s[^>]*href\s*=\s*["']([^"'#?]+\.(?:whl|tar\.gz|zip|egg|tar\.bz2))["'#?]""", re.IGNORECASE)
#: The version of the simple index in a page's head (PEP 629).
VERSION = re.compile(r"""<meta\s[^>]*name\s*=\s*["']pypi:repository-version["']""", re.IGNORECASE)
HOST = re.compile(r"^(?:https?:)?//(?:[^/@]*@)?([^/:?#]+)", re.IGNORECASE)


@dataclass(frozen=True)
class Answer:
    url: str
    status: int
    #: Names in lower case.
    headers: Mapping[str, str]
    body: str
    truncated: bool = False

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "").split(";")[0].strip().lower()

    @property
    def is_page(self) -> bool:
        return self.content_type == "text/html" or self.body.lstrip().startswith("<")

    @property
    def json(self) -> Any:
        """What it says in JSON; ``None`` where it says none, or was cut."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


class Wrong(Enum):
    LOGIN_PAGE = auto()
    REFUSES = auto()
    NOT_FOUND = auto()
    NOT_PROXY = auto()
    FAILING = auto()


@dataclass(frozen=True)
class Found:
    """A package's page."""

    format: str
    #: From where its files come; ``None`` where no file is named.
    host: str | None


@dataclass(frozen=True)
class Trouble:
    wrong: Wrong
    words: str
    certain: bool = True


@dataclass(frozen=True)
class Unknown:
    why: str


Verdict = Found | Trouble | Unknown


def judge(kind: str, package: str, answer: Answer, *, pings: bool = False) -> Verdict:
    """What the answer to the question for a package says; ``pings`` is whether npm's
    ``/-/ping`` was answered as a registry does."""
    status = answer.status
    if status in (401, 403, 407):
        return Trouble(Wrong.REFUSES, f"status {status}")
    if status == 429 or status >= 500:
        return Trouble(Wrong.FAILING, f"status {status}")
    if 300 <= status < 400:
        return redirected(kind, package, answer)
    if kind == "npm":
        return npm(package, answer, pings)
    return simple(answer)


def redirected(kind: str, package: str, answer: Answer) -> Verdict:
    """To the same package on the same host: the URL is not the proxy's own. To anywhere else:
    a login."""
    location = answer.headers.get("location", "")
    inside = host(location, answer.url) == host(answer.url, answer.url)
    if inside and location.split("?")[0].endswith(page(kind, "", package)):
        return Trouble(Wrong.NOT_PROXY, f"status {answer.status}, it is at {location}")
    return Trouble(Wrong.LOGIN_PAGE, f"status {answer.status}, it sends clients to {location}")


def npm(package: str, answer: Answer, pings: bool) -> Verdict:
    """A package of npm's registry."""
    if answer.status == 404 and (pings or isinstance(answer.json, dict)):
        return Trouble(Wrong.NOT_FOUND, "status 404")
    if answer.is_page:
        return Trouble(Wrong.LOGIN_PAGE, f"status {answer.status}, a page for people")
    if answer.status != 200:
        return Trouble(Wrong.NOT_PROXY, f"status {answer.status}, and nothing of npm")
    known = answer.json
    if isinstance(known, dict) and known.get("name") == package and "dist-tags" in known:
        return Found("npm", tarball_host(known, answer.url))
    # Of a long package only the beginning is read.
    begins = answer.truncated and answer.body.lstrip().startswith("{")
    if begins and re.search(rf'"name"\s*:\s*"{re.escape(package)}"', answer.body):
        return Found("npm", None)
    if begins:
        return Unknown("its answer is longer than can be read, and does not name the package at its beginning")
    return Trouble(Wrong.NOT_PROXY, "status 200, and no package of npm")


def tarball_host(known: dict[str, Any], url: str) -> str | None:
    versions = known.get("versions")
    if not isinstance(versions, dict):
        return None
    for version in reversed(list(versions.values())):
        tarball = version.get("dist", {}).get("tarball") if isinstance(version, dict) else None
        if isinstance(tarball, str):
            return host(tarball, url)
    return None


def simple(answer: Answer) -> Verdict:
    """A project of the simple index, in HTML (PEP 503) or JSON (PEP 691)."""
    if answer.status == 404:
        # A wrong path looks the same.
        return Trouble(Wrong.NOT_FOUND, "status 404", certain=False)
    if answer.status != 200:
        return Trouble(Wrong.NOT_PROXY, f"status {answer.status}, and no simple index")
    if answer.is_page:
        link = FILE.search(answer.body)
        if link is not None:
            return Found("simple-html", host(link.group(1), answer.url))
        if VERSION.search(answer.body):
            return Trouble(Wrong.NOT_FOUND, "status 200, and no file is listed")
        return Trouble(Wrong.LOGIN_PAGE, "status 200, a page for people that lists no files")
    known = answer.json
    if isinstance(known, dict) and isinstance(known.get("files"), list) and "meta" in known:
        files = [file.get("url") for file in known["files"] if isinstance(file, dict)]
        if not files:
            return Trouble(Wrong.NOT_FOUND, "status 200, and no file is listed")
        return Found("simple-json", host(str(files[-1]), answer.url))
    if answer.truncated and answer.content_type == SIMPLE_JSON and '"files"' in answer.body:
        return Found("simple-json", None)
    return Trouble(Wrong.NOT_PROXY, "status 200, and no simple index")


def host(reference: str, base: str) -> str | None:
    """The host of a link on a page."""
    found = HOST.match(reference) or HOST.match(base)
    return found.group(1).lower() if found else None


def is_ping(answer: Answer) -> bool:
    """Whether a registry of npm answered: with an object, never a page."""
    return answer.status == 200 and not answer.is_page and isinstance(answer.json, dict)


def page(kind: str, base: str, package: str) -> str:
    """The URL of a package's page."""
    if kind == "npm":
        return f"{base}/{package.replace('/', '%2f')}"
    # PEP 503, "Normalized Names".
    return f"{base}/{re.sub(r'[-_.]+', '-', package).lower()}/"
