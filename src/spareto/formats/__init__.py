"""How sparse tensors are stored: one file per format."""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Final

from spareto.core.registry import Registry
from spareto.formats._base import Bools as Bools
from spareto.formats._base import Counts as Counts
from spareto.formats._base import Encoded as Encoded
from spareto.formats._base import Format as Format
from spareto.formats._base import Size as Size
from spareto.formats._base import Sizes as Sizes
from spareto.formats._base import Train as Train
from spareto.formats._base import Values as Values
from spareto.formats._base import expected_live_groups as expected_live_groups
from spareto.formats._density import DensityModel as DensityModel
from spareto.formats._density import probability_empty as probability_empty
from spareto.formats._gaps import Gaps as Gaps
from spareto.formats._gaps import levels as levels

registry: Registry[Format] = Registry("spareto.formats", Format, "weight format")
BEST: Final = "best"
"""In place of a name: for each layer, the format of accelerators that takes the least energy."""

CHEAPEST: Final = "cheapest"
"""In place of a name: for the whole network, that of `USUAL` that takes the least energy. The default."""

USUAL: Final = ("none", "bitmask", "rle", "cp", "uop")
"""Formats that weights are costed in where nothing else is said: by `cost`, by grids and by studies."""


def spike_bits(name: str, train: Train) -> float:
    """Bits a spike train takes in the format called `name`, as measured, else from its counts.

    `best` takes the smallest of those that accelerators have.

    Raises:
        UnknownName: No such format.
    """
    if name == BEST:
        return min(spike_bits(each, train) for each in on_chips())
    measured = train.stored.get(name)
    return registry.make(name).spike_bits(train) if measured is None else measured


@cache
def on_chips() -> tuple[str, ...]:
    """Names of the formats in which accelerators keep tensors: those that `best` and `all` choose from."""
    return tuple(name for name in registry.names() if registry.get(name).on_chips)


@cache
def measured_formats() -> Mapping[str, Format]:
    """The formats of accelerators, by name, whose size of a spike train its counts do not settle."""
    made = {name: registry.make(name) for name in on_chips()}
    return MappingProxyType({name: fmt for name, fmt in made.items() if not fmt.follows_from_counts})
