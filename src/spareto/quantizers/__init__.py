"""Weight quantizers, one file each."""

from spareto.core.registry import Registry
from spareto.quantizers._base import Quantizer as Quantizer

registry = Registry("spareto.quantizers", Quantizer, "quantizer")
