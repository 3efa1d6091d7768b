"""The environment and the machine."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wit_world.imports import files as files
    from wit_world.imports import system as system
    from wit_world.imports import vars as vars
else:
    from ._world import lazily

    __getattr__ = lazily(files="env/files@0.1.0", system="env/system@0.1.0", vars="env/vars@0.1.0")
