"""What gradient passes through a rounding, one file each."""

from spareto.core.registry import Registry
from spareto.quantizers.rounding._base import Rounding as Rounding

registry = Registry("spareto.quantizers.rounding", Rounding, "rounding")
