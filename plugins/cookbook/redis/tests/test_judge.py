import unittest

from judge import Wrong, judge
from resp import Refusal, commands, fields, replies


def bulk(text: str) -> bytes:
    return b"$%d\r\n%s\r\n" % (len(text), text.encode())


MASTER = "# Replication\r\nrole:master\r\nconnected_slaves:0\r\n"
REPLICA = "# Replication\r\nrole:slave\r\nmaster_host:10.0.0.1\r\nslave_read_only:1\r\n"


def memory(used: int, most: int, policy: str) -> str:
    return f"# Memory\r\nused_memory:{used}\r\nmaxmemory:{most}\r\nmaxmemory_policy:{policy}\r\n"


def told(received: bytes, *, authenticated: bool = False, writes: bool = True) -> list[Wrong]:
    return [wrong for wrong, _ in judge(received, authenticated=authenticated, writes=writes).wrong]


def well(replication: str = MASTER, memory: str = memory(10, 100, "allkeys-lru")) -> bytes:
    return b"+PONG\r\n" + bulk(replication) + bulk(memory)


class Judging(unittest.TestCase):
    def test_a_cache_is_well(self) -> None:
        verdict = judge(well(), authenticated=False, writes=True)
        self.assertEqual((verdict.wrong, verdict.unknown), ([], None))
        self.assertEqual((verdict.role, verdict.policy, verdict.used_percent), ("master", "allkeys-lru", 10))
        self.assertEqual(told(b"+OK\r\n" + well(), authenticated=True), [])

    def test_who_may_not_is_told_why(self) -> None:
        noauth = b"-NOAUTH Authentication required.\r\n" * 3
        self.assertEqual(told(noauth), [Wrong.AUTH_REQUIRED])
        wrongpass = b"-WRONGPASS invalid username-password pair or user is disabled.\r\n" + noauth
        self.assertEqual(told(wrongpass, authenticated=True), [Wrong.WRONG_PASSWORD])
        unset = b"-ERR AUTH <password> called without any password configured\r\n" + well()
        self.assertEqual(told(unset, authenticated=True), [Wrong.WRONG_PASSWORD])
        self.assertEqual(told(b"-DENIED Redis is running in protected mode.\r\n"), [Wrong.PROTECTED])
        self.assertEqual(told(b"-ERR max number of clients reached\r\n"), [Wrong.REFUSES])

    def test_a_server_that_starts_is_loading(self) -> None:
        loading = b"-LOADING Redis is loading the dataset in memory\r\n"
        self.assertEqual(told(loading + bulk(MASTER) + bulk(memory(1, 0, "noeviction"))), [Wrong.LOADING])

    def test_a_replica_will_do_for_readers(self) -> None:
        self.assertEqual(told(well(REPLICA)), [Wrong.READ_ONLY])
        self.assertEqual(told(well(REPLICA), writes=False), [])
        self.assertEqual(told(well(REPLICA.replace("read_only:1", "read_only:0"))), [])

    def test_memory_counts_with_its_policy(self) -> None:
        self.assertEqual(told(well(memory=memory(100, 100, "noeviction"))), [Wrong.FULL])
        self.assertEqual(told(well(memory=memory(99, 100, "noeviction"))), [Wrong.NO_EVICTION])
        self.assertEqual(told(well(memory=memory(100, 100, "allkeys-lru"))), [], "as a cache should be")
        self.assertEqual(told(well(memory=memory(10, 0, "noeviction"))), [Wrong.UNBOUNDED])

    def test_what_is_not_answered_is_unknown(self) -> None:
        refused = b"+PONG\r\n-NOPERM this user has no permissions to run the 'info' command\r\n"
        verdict = judge(refused, authenticated=False, writes=True)
        self.assertEqual(verdict.wrong, [])
        self.assertIn("NOPERM", verdict.unknown or "")
        for cut in range(1, len(well())):
            verdict = judge(well()[:cut], authenticated=False, writes=True)
            self.assertTrue(verdict.unknown or verdict.wrong, f"cut at {cut}")

    def test_other_protocols_are_no_redis(self) -> None:
        for other in (b"HTTP/1.1 400 Bad Request\r\n\r\n", b"220 ready\r\n", b"\x15\x03\x01", b"+HELLO\r\n"):
            self.assertEqual(told(other), [Wrong.OTHER_PROTOCOL], other)


class Protocol(unittest.TestCase):
    def test_commands_are_arrays(self) -> None:
        self.assertEqual(commands(("PING",), ("INFO", "memory")), b"*1\r\n$4\r\nPING\r\n*2\r\n$4\r\nINFO\r\n$6\r\nmemory\r\n")

    def test_replies_are_read_one_by_one(self) -> None:
        self.assertEqual(replies(b"+OK\r\n:3\r\n$-1\r\n"), ["OK", "3"], "a value that is not whole")
        self.assertEqual(replies(b"-ERR no\r\n"), [Refusal("ERR no")])
        self.assertIsNone(replies(b"HTTP/1.1 200 OK\r\n"))

    def test_fields_have_names(self) -> None:
        self.assertEqual(fields("# Memory\r\na:1\r\nb:x:y\r\n"), {"a": "1", "b": "x:y"})
