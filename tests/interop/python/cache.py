"""The rules of /github-cache/1.0.0 without any network: envelope, entries, replies."""

import base64
import hashlib
import json
import os
import time

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

SECRET_VARIABLES = ("CACHE_P2P_SHARED_SECRET", "GH_TOKEN", "GITHUB_TOKEN")
SALT = b"github-cache-p2p"
ITERATIONS = 100_000
MAX_EXCHANGED = 50

OK = b"OK"
UNDECIPHERABLE = b"ERROR: Decryption failed"
INCOMPLETE = b"ERROR: Invalid format"


class Dropped(Exception):
    """The message is thrown away and its stream closed without a reply."""


class Envelope:
    """Fernet under a key derived from a secret; plain text where there is none."""

    def __init__(self, secret):
        self.fernet = None
        if secret:
            kdf = PBKDF2HMAC(algorithm=hashes.SHA256(), length=32, salt=SALT, iterations=ITERATIONS)
            self.fernet = Fernet(base64.urlsafe_b64encode(kdf.derive(secret.encode())))

    @classmethod
    def from_environment(cls):
        return cls(next((os.environ[name] for name in SECRET_VARIABLES if os.environ.get(name)), None))

    def seal(self, message):
        plain = json.dumps(message).encode()
        return self.fernet.encrypt(plain) if self.fernet else plain

    def open(self, payload):
        """The message. Raises InvalidToken where the payload is not ours."""
        if self.fernet:
            payload = self.fernet.decrypt(payload)
        return json.loads(payload)


def content_hash(fields):
    """CIDv1, raw, sha2-256, base32, of the canonical text of the fields."""
    digest = hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).digest()
    return "b" + base64.b32encode(b"\x01\x55\x12\x20" + digest).decode().lower().rstrip("=")


def hex_hash(fields):
    """What a peer without the multiformats package says instead."""
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()


class Cache:
    """What one peer holds, in memory."""

    def __init__(self, envelope):
        self.envelope = envelope
        self.entries = {}

    def get(self, key):
        entry = self.entries.get(key)
        return None if entry is None or expired(entry) else entry

    def keep(self, key, entry):
        self.entries[key] = entry

    def receive(self, payload):
        """The reply to a pushed payload; stores what deserves it."""
        try:
            message = self.envelope.open(payload)
        except InvalidToken:
            return UNDECIPHERABLE
        except ValueError as error:
            raise Dropped(f"not JSON: {error}") from error
        if not isinstance(message, dict) or "key" not in message or "entry" not in message:
            return INCOMPLETE
        key, entry = message["key"], message["entry"]
        missing = {"data", "timestamp", "ttl"} - set(entry)
        if missing:
            raise Dropped(f"without {sorted(missing)}")
        fields, claimed = entry.get("validation_fields"), entry.get("content_hash")
        if claimed and fields is not None and claimed not in (content_hash(fields), hex_hash(fields)):
            raise Dropped("another content hash")
        held = self.entries.get(key)
        newer = held is None or entry["timestamp"] > held["timestamp"]
        if newer and not expired(entry):
            self.keep(key, entry)
        return OK

    def exchange(self, payload, own, known):
        """The reply to a peer exchange, and the addresses it brought."""
        try:
            message = self.envelope.open(payload)
            brought = [a for a in message["addrs"] + message["peers"] if dialable(a)]
        except (InvalidToken, ValueError, KeyError, TypeError):
            return b"ERROR", []
        return self.envelope.seal(introduction(own, known)), brought


def expired(entry):
    return time.time() - entry["timestamp"] > entry["ttl"]


def introduction(own, known):
    return {"addrs": own, "peers": sorted(known)[:MAX_EXCHANGED], "ts": time.time()}


def dialable(address):
    """What the Python cache takes: an IP address, TCP and an id. A name is dropped."""
    return address.startswith(("/ip4/", "/ip6/")) and "/tcp/" in address and "/p2p/" in address
