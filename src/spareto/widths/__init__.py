"""How many bits a stored number takes, and how that is known: declared, carried along, or seen in the values.

>>> import torch
>>> from spareto.widths import stored_bits
>>> layer = torch.nn.Linear(20, 4)
>>> layer.weight.data = 0.1 * torch.arange(-3, 4).repeat(12)[:80].view(4, 20)
>>> stored_bits(layer)
(3, 'found: 7 equidistant levels')
"""

from spareto.widths.epitome import AssembledWeight as AssembledWeight
from spareto.widths.epitome import assembled as assembled
from spareto.widths.epitome import epitome_of as epitome_of
from spareto.widths.epitome import remember_epitome as remember_epitome
from spareto.widths.stored import declared_bits as declared_bits
from spareto.widths.stored import float_bits as float_bits
from spareto.widths.stored import found_bits as found_bits
from spareto.widths.stored import remember_bits as remember_bits
from spareto.widths.stored import stored_bits as stored_bits
from spareto.widths.stored import value_in_use as value_in_use
