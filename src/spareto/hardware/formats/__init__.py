"""How sparse tensors are stored: one file a format."""

from typing import Final

from spareto.core.registry import Registry
from spareto.hardware.formats._base import Encoded as Encoded
from spareto.hardware.formats._base import Format as Format
from spareto.hardware.formats._base import Mask as Mask
from spareto.hardware.formats._base import Size as Size
from spareto.hardware.formats._base import Train as Train
from spareto.hardware.formats._base import Values as Values
from spareto.hardware.formats._base import expected_live_groups as expected_live_groups

registry: Registry[Format] = Registry("spareto.hardware.formats", Format, "weight format")
BEST: Final = "best"  # in place of a name: whichever is best


def spike_bits(name: str, train: Train) -> float:
    """Bits a spike train takes in the format called `name`; `best` takes the smallest.

    Raises:
        UnknownName: No such format.
    """
    names = registry.names() if name == BEST else (name,)
    return min(registry.make(each).spike_bits(train) for each in names)
