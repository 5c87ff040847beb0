"""Weight quantizers, one file each."""

from spareto.core.registry import Registry
from spareto.quantizers._base import Quantizer as Quantizer
from spareto.quantizers._stored import declared_bits as declared_bits
from spareto.quantizers._stored import float_bits as float_bits
from spareto.quantizers._stored import remember_bits as remember_bits
from spareto.quantizers._stored import stored_bits as stored_bits
from spareto.quantizers._stored import value_in_use as value_in_use

registry = Registry("spareto.quantizers", Quantizer, "quantizer")
