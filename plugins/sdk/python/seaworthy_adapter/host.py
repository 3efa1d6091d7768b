"""What an adapter reaches: each name is an interface that ``wit/world.wit`` has to import."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wit_world.imports import authorized_http as authorized_http
    from wit_world.imports import clock as clock
    from wit_world.imports import credentials as credentials
    from wit_world.imports import http as http
    from wit_world.imports import log as log
    from wit_world.imports import peers as peers
    from wit_world.imports import random as random
    from wit_world.imports import storage as storage
else:
    from ._world import lazily

    __getattr__ = lazily(
        authorized_http="credentials/authorized-http@0.1.0",
        clock="kit/clock@0.1.0",
        credentials="credentials/credentials@0.1.0",
        http="net/http@0.1.0",
        log="kit/log@0.1.0",
        peers="cache/peers@0.1.0",
        random="kit/random@0.1.0",
        storage="cache/storage@0.1.0",
    )
