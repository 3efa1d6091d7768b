"""What lies on the way: name servers, sizes and pauses, UDP, proxies."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wit_world.imports import datagrams as datagrams
    from wit_world.imports import flows as flows
    from wit_world.imports import names as names
    from wit_world.imports import proxies as proxies
else:
    from ._world import lazily

    __getattr__ = lazily(
        datagrams="path/datagrams@0.1.0",
        flows="path/flows@0.1.0",
        names="path/names@0.1.0",
        proxies="path/proxies@0.1.0",
    )
