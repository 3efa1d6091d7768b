"""libp2p and the shared secret."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wit_world.imports import secrets as secrets
    from wit_world.imports import swarm as swarm
else:
    from ._world import lazily

    __getattr__ = lazily(secrets="p2p/secrets@0.1.0", swarm="p2p/swarm@0.1.0")
