"""A cache peer on py-libp2p for the interop scenes, with the habits of the Python
cache: pushes to whom it dialled only, never half-closes, reads once, keeps all in
memory, is somebody else at every start.

Says {"event": "ready", ...} and then answers one JSON line a JSON line:
  {"do": "dial", "address": A}            -> {"peer": id}
  {"do": "put", "key": K, "data": D, ...} -> {"pushed": [{"peer", "bytes", "reply" | "error"}]}
  {"do": "push", "to": id, "message": M | "raw": base64, "secret": S?, "half_close": bool?}
                                          -> {"bytes": n, "reply": text | null}
  {"do": "get", "key": K}                 -> {"entry": E | null}
  {"do": "list"} {"do": "connected"} {"do": "seen"} {"do": "addresses"}
  {"do": "exchange", "with": id}          -> {"reply": M | "ERROR"}
  {"do": "open", "to": id, "protocol": P, "raw": base64, "pad": n?, "streams": n?, "hold": bool?}
                                          -> {"open": n} | {"reply": base64 | null}
"pad" adds that many zero bytes; streams that are held stay as they are, and others are
half-closed and read to their end. "ttl", "timestamp", "content_hash" and "validation_fields" of put are optional. The
process ends with its standard input.
"""

import argparse
import base64
import importlib.metadata
import json
import logging
import os
import sys
import time

# Some releases of py-libp2p log to standard output; the real one is for the scene alone.
STDOUT = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

import multiaddr
import trio
from libp2p import new_host
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import info_from_p2p_addr

from cache import Cache, Dropped, Envelope, content_hash, introduction

PUSH = "/github-cache/1.0.0"
EXCHANGE = "/github-cache/peer-exchange/1.0.0"
DEFAULT_TTL = 300
# The Python cache waits for ever; a scene must come to an end.
PATIENCE = 20
REMEMBERED = 1000

log = logging.getLogger("peer")


class Peer:
    def __init__(self, host, cache, faults):
        self.host = host
        self.cache = cache
        self.faults = faults
        self.dialled = {}
        self.known = set()
        self.seen = []
        self.held = []

    # --- what others send

    async def on_push(self, stream):
        """One read, one reply, whatever the rest of the stream holds."""
        try:
            payload = await stream.read()
            note = {"bytes": len(payload), "token": payload.startswith(b"gAAAA"), "reply": None}
            self.seen = [*self.seen, note][-REMEMBERED:]
            if self.faults.never_acknowledge:
                await trio.sleep_forever()
            reply = self.cache.receive(payload)
            note["reply"] = reply.decode()
            await stream.write(reply)
        except Dropped as reason:
            log.warning("a message was dropped: %s", reason)
        except Exception as error:
            log.warning("a push came to nothing: %r", error)
        finally:
            await close(stream)

    async def on_exchange(self, stream):
        try:
            payload = await stream.read()
            reply, brought = self.cache.exchange(payload, self.addresses(), self.known)
            self.known.update(brought)
            await stream.write(reply)
        except Exception as error:
            log.warning("a peer exchange came to nothing: %r", error)
        finally:
            await close(stream)

    # --- what we send

    async def send(self, peer, protocol, payload, half_close=False):
        """Writes a payload, waits for the reply, closes. None is a close without one."""
        stream = await self.host.new_stream(ID.from_base58(peer), [protocol])
        try:
            await stream.write(payload)
            if half_close:
                await stream.close_write()
            with trio.fail_after(PATIENCE):
                return await stream.read()
        except trio.TooSlowError:
            raise
        except Exception as error:
            log.info("no reply: %r", error)
            return b""
        finally:
            await close(stream)

    # --- what the scene asks

    async def do_dial(self, ask):
        address = multiaddr.Multiaddr(ask["address"])
        info = info_from_p2p_addr(address)
        with trio.fail_after(PATIENCE):
            await self.host.connect(info)
        self.dialled[info.peer_id.to_base58()] = str(address)
        self.known.add(str(address))
        return {"peer": info.peer_id.to_base58()}

    async def do_put(self, ask):
        fields = ask.get("validation_fields")
        default = content_hash(fields) if fields is not None else None
        entry = {
            "data": ask["data"],
            "timestamp": ask.get("timestamp", time.time()),
            "ttl": ask.get("ttl", DEFAULT_TTL),
            "content_hash": ask.get("content_hash", default),
            "validation_fields": fields,
        }
        self.cache.keep(ask["key"], entry)
        payload = self.cache.envelope.seal({"key": ask["key"], "entry": entry})
        pushed = []
        for peer in list(self.dialled):
            told = {"peer": peer, "bytes": len(payload)}
            try:
                reply = await self.send(peer, PUSH, payload)
                told["reply"] = reply.decode() if reply else None
            except Exception as error:
                told["error"] = repr(error)
            pushed.append(told)
        return {"pushed": pushed}

    async def do_push(self, ask):
        envelope = Envelope(ask["secret"]) if "secret" in ask else self.cache.envelope
        payload = base64.b64decode(ask["raw"]) if "raw" in ask else envelope.seal(ask["message"])
        reply = await self.send(ask["to"], PUSH, payload, ask.get("half_close", False))
        return {"bytes": len(payload), "reply": reply.decode() if reply else None}

    async def do_get(self, ask):
        return {"entry": self.cache.get(ask["key"])}

    async def do_list(self, _):
        return {"keys": sorted(self.cache.entries)}

    async def do_connected(self, _):
        return {"peers": [peer.to_base58() for peer in self.host.get_connected_peers()]}

    async def do_seen(self, _):
        return {"seen": self.seen}

    async def do_addresses(self, _):
        return {"addresses": self.addresses(), "known": sorted(self.known)}

    async def do_exchange(self, ask):
        payload = self.cache.envelope.seal(introduction(self.addresses(), self.known))
        reply = await self.send(ask["with"], EXCHANGE, payload)
        if not reply or reply == b"ERROR":
            return {"reply": reply.decode() or None}
        return {"reply": self.cache.envelope.open(reply)}

    async def do_open(self, ask):
        """Bytes that no honest peer sends, on any protocol."""
        payload = base64.b64decode(ask["raw"]) + bytes(ask.get("pad", 0))
        if not ask.get("hold"):
            reply = await self.send(ask["to"], ask["protocol"], payload, half_close=True)
            return {"reply": base64.b64encode(reply).decode() if reply else None}
        opened = 0
        for _ in range(ask.get("streams", 1)):
            try:
                with trio.fail_after(PATIENCE):
                    stream = await self.host.new_stream(ID.from_base58(ask["to"]), [ask["protocol"]])
                    await stream.write(payload)
            except Exception as error:
                log.info("after %d streams: %r", opened, error)
                break
            self.held.append(stream)
            opened += 1
        return {"open": opened}

    def addresses(self):
        return [str(address) for address in self.host.get_addrs()]

    async def answer(self, line):
        try:
            ask = json.loads(line)
            return await getattr(self, "do_" + ask["do"])(ask)
        except Exception as error:
            return {"error": repr(error)}


async def close(stream):
    try:
        await stream.close()
    except Exception as error:
        log.info("the stream was gone already: %r", error)


def say(message):
    print(json.dumps(message), file=STDOUT, flush=True)


async def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--host", default="127.0.0.1", help="where to listen; 0.0.0.0 is then advertised as it is")
    parser.add_argument("--never-acknowledge", action="store_true", help="read what is pushed and never reply")
    faults = parser.parse_args()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, force=True)
    listen = [multiaddr.Multiaddr(f"/ip4/{faults.host}/tcp/{faults.port}")]
    host = new_host(key_pair=create_new_key_pair(), listen_addrs=listen)
    async with host.run(listen_addrs=listen):
        peer = Peer(host, Cache(Envelope.from_environment()), faults)
        host.set_stream_handler(PUSH, peer.on_push)
        host.set_stream_handler(EXCHANGE, peer.on_exchange)
        say({
            "event": "ready",
            "libp2p": importlib.metadata.version("libp2p"),
            "peer_id": str(host.get_id()),
            "addresses": peer.addresses(),
        })
        while line := await trio.to_thread.run_sync(sys.stdin.readline):
            say(await peer.answer(line))
    # Tasks of the host may outlive its context.
    sys.exit(0)


trio.run(main)
