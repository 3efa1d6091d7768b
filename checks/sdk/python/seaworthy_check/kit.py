"""Log, progress, clock, randomness."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wit_world.imports import clock as clock
    from wit_world.imports import log as log
    from wit_world.imports import progress as progress
    from wit_world.imports import random as random
else:
    from ._world import lazily

    __getattr__ = lazily(
        clock="kit/clock@0.1.0",
        log="kit/log@0.1.0",
        progress="kit/progress@0.1.0",
        random="kit/random@0.1.0",
    )
