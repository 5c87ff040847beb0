"""How sparse tensors are stored: one file a format."""

from spareto.core.registry import Registry
from spareto.hardware.formats._base import Encoded as Encoded
from spareto.hardware.formats._base import Format as Format
from spareto.hardware.formats._base import Mask as Mask
from spareto.hardware.formats._base import Size as Size
from spareto.hardware.formats._base import Train as Train

registry: Registry[Format] = Registry("spareto.hardware.formats", Format, "weight format")
