import json
import sys
import textwrap
import unittest
from types import ModuleType
from typing import Any
from unittest import mock

import seaworthy_check
from componentize_py_types import Err
from seaworthy_check import BrokenCheck, Code, Context, Evidence, Findings, Outcome, Target, check, component
from seaworthy_check.net import tcp
from wit_world.exports import checks

DESCRIPTOR = json.dumps({"checks": [{"id": "acme/x"}]})


@check("acme/x")
def reach(context: Context) -> Outcome:
    if context.text("mode") == "broken":
        raise BrokenCheck("`mode` is broken")
    if context.text("mode") == "bug":
        raise KeyError("absent")
    seen = tcp.connect([tcp.Attempt(address, context.budget, b"", 0) for address in context.addresses])
    return Findings().conclude(f"{len(seen)} asked", Evidence.of(seen))


def raw(settings: str, *addresses: str) -> checks.Context:
    return checks.Context(settings, [], [Target("t", "tcp", list(addresses), [])], [], [], 900, [("offline", "true")])


class Components(unittest.TestCase):
    def setUp(self) -> None:
        self.component = component(DESCRIPTOR, reach)()

    def test_the_host_reaches_the_function(self) -> None:
        asked: list[tcp.Attempt] = []

        def connect(attempts: list[tcp.Attempt]) -> list[mock.Mock]:
            asked.extend(attempts)
            return [mock.Mock(id=7) for _ in attempts]

        with mock.patch.object(tcp, "connect", connect):
            outcome = self.component.run("acme/x", raw("{}", "cache:1"))
        self.assertEqual((outcome.summary, outcome.evidence), ("1 asked", [7]))
        self.assertEqual(asked, [tcp.Attempt("cache:1", 900, b"", 0)])
        self.assertEqual(self.component.describe(), DESCRIPTOR)

    def test_a_check_that_did_not_look_is_broken_and_no_pass(self) -> None:
        with mock.patch.object(tcp, "connect", lambda attempts: []), self.assertRaises(Err) as caught:
            self.component.run("acme/x", raw("{}"))
        self.assertEqual(caught.exception.value, "nothing was observed")

    def test_a_bug_is_told_with_its_place(self) -> None:
        with self.assertRaises(Err) as caught:
            self.component.run("acme/x", raw('{"mode": "bug"}'))
        self.assertIn("KeyError: 'absent'", caught.exception.value)
        self.assertRegex(caught.exception.value, r"test_check\.py:\d+ in reach")
        with self.assertRaises(Err) as caught:
            self.component.run("acme/x", raw('{"mode": "broken"}'))
        self.assertEqual(caught.exception.value, "`mode` is broken")

    def test_code_and_manifest_name_the_same_checks(self) -> None:
        for parts in ([], [check("acme/y")(reach)], [reach, check("acme/y")(reach)]):
            with self.assertRaisesRegex(ValueError, "acme/x"):
                component(DESCRIPTOR, *parts)


class Contexts(unittest.TestCase):
    def test_settings_have_their_types(self) -> None:
        context = Context.of(raw('{"latency": {"warn-ms": 5}, "names": ["a", "b"]}', "a:1", "b:2"))
        self.assertEqual(context.setting("latency.warn-ms"), 5)
        self.assertEqual(context.settings["names"], ["a", "b"])
        self.assertIsNone(context.setting("latency.absent"))
        self.assertIsNone(context.setting("absent.too"))
        self.assertEqual((context.text("absent", "x"), context.text("latency.warn-ms")), ("x", "5"))
        self.assertEqual((context.addresses, context.budget), (["a:1", "b:2"], 900))
        self.assertEqual(context.vantage["offline"], "true")

    def test_facts_of_others_are_found(self) -> None:
        context = Context(facts=[checks.Inherited("net/x", "rtt-ms", "1.000")])
        self.assertEqual((context.inherited("rtt-ms"), context.inherited("absent")), ("1.000", None))


class Worlds(unittest.TestCase):
    def test_an_interface_outside_the_world_is_named_with_the_line_to_add(self) -> None:
        with mock.patch("importlib.import_module", side_effect=ModuleNotFoundError), self.assertRaises(ImportError) as caught:
            exec("from seaworthy_check.credentials import authorized_http")
        self.assertIn("import seaworthy:credentials/authorized-http@0.1.0;", str(caught.exception))

    def test_every_interface_of_the_contract_is_there(self) -> None:
        from seaworthy_check import cache, credentials, env, kit, p2p, path, sharing

        for module, names in {
            cache: "caches types",
            credentials: "authorized_http credentials",
            env: "files system vars",
            kit: "clock log progress random",
            p2p: "secrets swarm",
            path: "datagrams flows names proxies",
            sharing: "ladder",
        }.items():
            for name in names.split():
                self.assertTrue(getattr(module, name))
        with self.assertRaises(AttributeError):
            getattr(env, "nonesuch")


class Documentation(unittest.TestCase):
    def test_the_example_is_a_check(self) -> None:
        text = (seaworthy_check.__doc__ or "").split("::\n", 1)[1].split("\nWhat differs")[0]
        manifest = ModuleType("manifest")
        manifest.__dict__.update(DESCRIPTOR=DESCRIPTOR, X_UNREACHABLE=Code("x.unreachable", "fail"))
        space: dict[str, Any] = {}
        with mock.patch.dict(sys.modules, manifest=manifest):
            exec(textwrap.dedent(text), space)
        refused = mock.Mock(id=3, target="cache:1", outcome=Err(mock.Mock(message="refused")))
        with mock.patch.object(tcp, "connect", lambda attempts: [refused]):
            outcome = space["Checks"]().run("acme/x", raw("{}", "cache:1"))
        self.assertEqual([(f.code, f.message, f.evidence) for f in outcome.findings], [("x.unreachable", "refused", [3])])
