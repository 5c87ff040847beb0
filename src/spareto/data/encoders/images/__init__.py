"""How still images become frames, one file each."""

from spareto.core.registry import Registry
from spareto.data._base import ImageEncoder

registry: Registry[ImageEncoder] = Registry("spareto.data.encoders.images", ImageEncoder, "image coding")
