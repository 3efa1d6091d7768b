"""Probes of the network."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wit_world.imports import dns as dns
    from wit_world.imports import http as http
    from wit_world.imports import tcp as tcp
    from wit_world.imports import tls as tls
else:
    from ._world import lazily

    __getattr__ = lazily(dns="net/dns@0.1.0", http="net/http@0.1.0", tcp="net/tcp@0.1.0", tls="net/tls@0.1.0")
