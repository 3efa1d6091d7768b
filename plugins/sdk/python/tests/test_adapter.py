import sys
import textwrap
import unittest
from types import ModuleType
from typing import Any
from unittest import mock

import seaworthy_adapter
from componentize_py_types import Err
from seaworthy_adapter import Blob, CacheAdapter, CacheError, Capability, Config, blob, capability, component, entry
from seaworthy_adapter.host import storage
from wit_world.imports import seaworthy_cache_types as types


class ReadOnly(CacheAdapter):
    def __init__(self, value: str) -> None:
        self.value = value

    @classmethod
    def open(cls, config: Config) -> tuple["ReadOnly", Capability]:
        if "value" not in config:
            raise CacheError.configuration("the setting `value` is required", setting="value")
        return cls(config["value"]), capability("get", properties=["private"], limits={"max-value-bytes": 9})

    def get(self, key: str) -> Blob | None:
        if key == "bug":
            raise KeyError("absent")
        if key == "stored":
            return blob(storage.get(key) or b"")
        return blob(self.value.encode()) if key == "k" else None


class Adapters(unittest.TestCase):
    def setUp(self) -> None:
        self.adapter = component("{}", ReadOnly)()

    def error(self, operation: str, *arguments: Any) -> types.CacheError:
        with self.assertRaises(Err) as caught:
            getattr(self.adapter, operation)(*arguments)
        value = caught.exception.value
        assert isinstance(value, types.CacheError)
        return value

    def test_the_state_lives_from_open_on(self) -> None:
        self.assertEqual(self.error("get", "k").kind, "configuration", "not open is an error, not a miss")
        self.assertEqual(self.error("open", "{").kind, "other")
        refused = self.error("open", "{}")
        self.assertEqual((refused.kind, refused.operation, refused.context), ("configuration", "open", [("setting", "value")]))
        opened = self.adapter.open('{"value": "v"}')
        self.assertEqual(opened, Capability(["get"], ["private"], [("max-value-bytes", "9")]))
        self.assertEqual(self.adapter.get("k"), Blob(b"v", 0, None, []))
        self.assertIsNone(self.adapter.get("other"))
        self.error("open", "{}")
        self.assertIsNotNone(self.adapter.get("k"), "a failed open leaves the old state")

    def test_what_is_not_implemented_says_so(self) -> None:
        self.adapter.open('{"value": "v"}')
        for operation, arguments in {
            "put": ("k", blob(b"v")),
            "stat": ("k",),
            "invalidate": ("k",),
            "list": ("", 1),
        }.items():
            error = self.error(operation, *arguments)
            self.assertEqual((error.kind, error.retry, error.operation), ("unsupported", "permanent", operation))
        self.assertEqual(self.error("get", "").kind, "invalid")

    def test_a_bug_is_told_with_its_place(self) -> None:
        self.adapter.open('{"value": "v"}')
        error = self.error("get", "bug")
        self.assertEqual((error.kind, error.operation), ("other", "get"))
        self.assertRegex(error.message, r"^KeyError: 'absent'\n  at .*test_adapter\.py:\d+ in get$")

    def test_an_error_of_the_host_stays_what_it_is(self) -> None:
        self.adapter.open('{"value": "v"}')
        theirs = types.CacheError("integrity", "permanent", "storage.get", "torn", [], None)
        with mock.patch.object(storage, "get", side_effect=Err(theirs)):
            error = self.error("get", "stored")
        self.assertEqual((error.kind, error.operation, error.message), ("integrity", "get", "torn"))

    def test_a_value_may_have_a_life_and_metadata(self) -> None:
        self.assertEqual(blob(b"v", created=1, ttl=2, metadata={"a": "b"}), Blob(b"v", 1, 2, [("a", "b")]))
        self.assertEqual(entry("k", 3, etag="x"), types.Entry("k", 3, [("etag", "x")]))
        limited = CacheError.rate_limited("wait", 500).during("get")
        self.assertEqual((limited.kind, limited.retry, limited.retry_after), ("rate-limited", "temporary", 500))


class Documentation(unittest.TestCase):
    def test_the_example_is_an_adapter(self) -> None:
        text = (seaworthy_adapter.__doc__ or "").split("::\n", 1)[1].split("\nWhat differs")[0]
        manifest = ModuleType("manifest")
        manifest.__dict__.update(DESCRIPTOR="{}")
        space: dict[str, Any] = {}
        with mock.patch.dict(sys.modules, manifest=manifest):
            exec(textwrap.dedent(text), space)
        adapter = space["Adapter"]()
        values = {"k": b"v"}
        with mock.patch.object(storage, "open", lambda directory: None), mock.patch.object(storage, "get", values.get):
            self.assertEqual(adapter.open('{"directory": "/c"}').operations, ["get"])
            self.assertEqual((adapter.get("k"), adapter.get("absent")), (blob(b"v"), None))
