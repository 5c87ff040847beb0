"""Networks, one file each: `build("conv", sensor=(2, 34, 34), classes=10)`."""

from typing import Any

from spareto.core.registry import Registry
from spareto.networks._base import Network as Network

registry = Registry("spareto.networks", Network, "network")


def names() -> tuple[str, ...]:
    """Names of all networks."""
    return registry.names()


def build(name: str, **options: Any) -> Network:
    """Make a network with fresh weights, drawn from torch's global generator.

    Raises:
        UnknownName: No network of that name exists.
        ConfigError: The network has no such option, or its options do not fit the data.
    """
    return registry.make(name, **options)
