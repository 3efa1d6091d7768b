"""The configured cache tiers."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wit_world.imports import caches as caches
    from wit_world.imports import seaworthy_cache_types as types
else:
    from ._world import lazily

    __getattr__ = lazily(caches="cache/caches@0.1.0", types="cache/types@0.1.0")
