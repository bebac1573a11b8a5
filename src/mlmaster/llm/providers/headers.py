"""Which headers a request has: to the maker of an SDK all that it sets, to anybody else those of the protocol alone.

The SDKs take headers from the environment (`OPENAI_ORG_ID`, `OPENAI_PROJECT_ID`, `OPENAI_CUSTOM_HEADERS`,
`ANTHROPIC_CUSTOM_HEADERS`). They are meant for their makers, may hold a secret, and would go to every address alike.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import httpx2

_OF_HTTP = frozenset(
    {
        "accept",
        "accept-encoding",
        "connection",
        "content-length",
        "content-type",
        "host",
        "transfer-encoding",
        "user-agent",
    }
)
_OF_SDKS = ("x-stainless-", "anthropic-")


def is_at(address: str, domain: str) -> bool:
    """Return True for an address of a host of a domain: `openai.com`."""
    host = urlsplit(address).hostname or ""
    return host == domain or host.endswith(f".{domain}")


def keep_own(address: str, maker: str, key: str) -> Callable[[httpx2.Request], None]:
    """Return what takes from a request the headers that are not for its address.

    Args:
        address: Where requests go.
        maker: Domain of the SDK's maker, which gets everything.
        key: What is sent as key, whatever else the environment would send.
    """

    def keep(request: httpx2.Request) -> None:
        if is_at(address, maker):
            return
        for name in list(request.headers):
            if name.lower() not in _OF_HTTP and not name.lower().startswith(_OF_SDKS):
                del request.headers[name]
        request.headers["Authorization"] = f"Bearer {key}"

    return keep
