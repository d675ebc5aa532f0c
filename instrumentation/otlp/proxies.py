"""The proxies between an exporter and its endpoint, as HTTP's and gRPC's libraries take them from the environment."""

import contextlib
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass

from instrumentation.otlp.settings import Protocol


@dataclass(frozen=True, kw_only=True)
class Proxy:
    """A proxy that spans go through."""

    variable: str
    """Which names it."""
    url: str
    """Secret: it can hold a password."""
    exemption: str
    """The variable for hosts that it is not used for."""


def proxy_between(host: str, port: int, scheme: str, protocol: Protocol, env: Mapping[str, str]) -> Proxy | None:
    """The proxy for a host; `None` where there is none, or the host is exempt.

    `requests` takes the variable of the URL's scheme, in small letters first, and then `all_proxy`. gRPC takes three in
    small letters, whatever the scheme, and knows their exemptions in small letters only.
    """
    if protocol == "grpc":
        names, exemptions = ["grpc_proxy", "https_proxy", "http_proxy"], ["no_grpc_proxy", "no_proxy"]
    else:
        names = [f"{scheme}_proxy", f"{scheme.upper()}_PROXY", "all_proxy", "ALL_PROXY"]
        exemptions = ["no_proxy", "NO_PROXY"]
    variable = next((name for name in names if env.get(name)), None)
    exempt = next((env[name] for name in exemptions if env.get(name)), "")
    if variable is None or any(_is_named(host, port, item.strip()) for item in exempt.split(",")):
        return None
    return Proxy(variable=variable, url=env[variable], exemption=exemptions[-1])


def _is_named(host: str, port: int, item: str) -> bool:
    """Whether an exemption is for the host: `*`, a host or a domain, with a port or without, or a network."""
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host) in ipaddress.ip_network(item, strict=False)
    suffix = item.lstrip(".").lower()
    return item == "*" or any(f".{name}".endswith(f".{suffix}") for name in (host, f"{host}:{port}"))
