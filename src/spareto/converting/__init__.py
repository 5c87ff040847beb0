"""Networks of other frameworks become networks of ours that give the same spikes."""

from spareto.converting.conversion import convert as convert
from spareto.converting.network import ConvertedNetwork as ConvertedNetwork
