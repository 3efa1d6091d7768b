"""From a peer that answers to a cache that is shared."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wit_world.imports import ladder as ladder
else:
    from ._world import lazily

    __getattr__ = lazily(ladder="sharing/ladder@0.1.0")
