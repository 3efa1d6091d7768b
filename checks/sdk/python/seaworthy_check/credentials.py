"""Secrets, used without their text."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wit_world.imports import authorized_http as authorized_http
    from wit_world.imports import credentials as credentials
else:
    from ._world import lazily

    __getattr__ = lazily(
        authorized_http="credentials/authorized-http@0.1.0",
        credentials="credentials/credentials@0.1.0",
    )
