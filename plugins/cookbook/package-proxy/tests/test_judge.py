import json
import unittest

from judge import Answer, Found, Trouble, Unknown, Wrong, is_ping, judge, page

HTML = {"content-type": "text/html; charset=utf-8"}
JSON = {"content-type": "application/json"}
ABBREV = json.dumps(
    {
        "name": "abbrev",
        "dist-tags": {"latest": "2.0.0"},
        "versions": {"2.0.0": {"dist": {"tarball": "https://npm.test/abbrev/-/abbrev-2.0.0.tgz"}}},
    }
)
LINKS = '<!DOCTYPE html><title>Links for six</title><a href="../../files/six-1.16.0-py2.py3-none-any.whl#sha256=x">six</a>'
FILES = '{"meta":{"api-version":"1.1"},"name":"six","files":[{"filename":"six.whl","url":"https://files.test/six.whl"}]}'


def told(kind: str, status: int, headers: dict[str, str], body: str, *, pings: bool = False, cut: bool = False) -> object:
    package = "abbrev" if kind == "npm" else "six"
    verdict = judge(kind, package, Answer("http://proxy.test/x", status, headers, body, cut), pings=pings)
    match verdict:
        case Found(format, host):
            return (format, host)
        case Trouble(wrong, _, _):
            return wrong
        case Unknown():
            return "unknown"


class Npm(unittest.TestCase):
    def test_a_package_is_known_by_its_name(self) -> None:
        self.assertEqual(told("npm", 200, JSON, ABBREV), ("npm", "npm.test"))
        self.assertEqual(told("npm", 200, JSON, ABBREV[:40], cut=True), ("npm", None))
        self.assertEqual(told("npm", 200, JSON, '{"versions":{', cut=True), "unknown")
        self.assertIs(told("npm", 200, JSON, '{"name":"other","dist-tags":{}}'), Wrong.NOT_PROXY)
        self.assertIs(told("npm", 200, JSON, "{}"), Wrong.NOT_PROXY)

    def test_absence_is_told_from_a_wrong_path(self) -> None:
        self.assertIs(told("npm", 404, JSON, '{"error":"not found"}'), Wrong.NOT_FOUND)
        self.assertIs(told("npm", 404, HTML, "<html>", pings=True), Wrong.NOT_FOUND)
        self.assertIs(told("npm", 404, HTML, "<html>"), Wrong.LOGIN_PAGE)
        self.assertIs(told("npm", 404, {}, "nope"), Wrong.NOT_PROXY)

    def test_only_an_object_is_a_ping(self) -> None:
        self.assertTrue(is_ping(Answer("", 200, JSON, "{}")))
        for status, headers, body in ((200, HTML, "<html>"), (404, JSON, "{}"), (200, JSON, "[]"), (200, {}, "")):
            self.assertFalse(is_ping(Answer("", status, headers, body)), body)


class PyPI(unittest.TestCase):
    def test_both_forms_of_the_index_are_known(self) -> None:
        self.assertEqual(told("pypi", 200, HTML, LINKS), ("simple-html", "proxy.test"))
        self.assertEqual(told("pypi", 200, {"content-type": "application/vnd.pypi.simple.v1+json"}, FILES), ("simple-json", "files.test"))
        cut = told("pypi", 200, {"content-type": "application/vnd.pypi.simple.v1+json"}, FILES[:80], cut=True)
        self.assertEqual(cut, ("simple-json", None))

    def test_a_page_without_files_is_no_index(self) -> None:
        login = '<html><form action="/login"><a href="/help">help</a><input type="password"></form></html>'
        self.assertIs(told("pypi", 200, HTML, login), Wrong.LOGIN_PAGE)
        empty = '<html><head><meta name="pypi:repository-version" content="1.0"></head></html>'
        self.assertIs(told("pypi", 200, HTML, empty), Wrong.NOT_FOUND)
        self.assertIs(told("pypi", 200, JSON, "{}"), Wrong.NOT_PROXY)

    def test_a_404_is_likely_only(self) -> None:
        verdict = judge("pypi", "six", Answer("", 404, HTML, "<html>"))
        self.assertEqual(verdict, Trouble(Wrong.NOT_FOUND, "status 404", certain=False))


class Both(unittest.TestCase):
    def test_statuses_are_told_apart(self) -> None:
        for kind in ("npm", "pypi"):
            for status in (401, 403, 407):
                self.assertIs(told(kind, status, HTML, "<html>"), Wrong.REFUSES)
            self.assertIs(told(kind, 502, HTML, "<html>"), Wrong.FAILING)
            self.assertIs(told(kind, 429, {}, ""), Wrong.FAILING)
            self.assertIs(told(kind, 302, {"location": "https://sso.test/"}, ""), Wrong.LOGIN_PAGE)

    def test_another_path_is_told_from_a_login(self) -> None:
        for location in ("/simple/six/", "http://proxy.test/simple/six/"):
            self.assertIs(told("pypi", 303, {"location": location}, ""), Wrong.NOT_PROXY)
        for location in ("http://sso.test/simple/six/", "/login?to=/simple/six/", ""):
            self.assertIs(told("pypi", 303, {"location": location}, ""), Wrong.LOGIN_PAGE)

    def test_pages_have_their_urls(self) -> None:
        self.assertEqual(page("npm", "http://p", "@types/node"), "http://p/@types%2fnode")
        self.assertEqual(page("pypi", "http://p/simple", "Foo.Bar_baz"), "http://p/simple/foo-bar-baz/")
