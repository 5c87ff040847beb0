"""Widen a network, let it follow the one it came from, and squeeze it to a budget."""

from spareto.compression.widening.duplicates import merge_duplicates as merge_duplicates
from spareto.compression.widening.net2wider import widen as widen
from spareto.compression.widening.run import Round as Round
from spareto.compression.widening.run import Squeezed as Squeezed
from spareto.compression.widening.run import widen_and_squeeze as widen_and_squeeze
from spareto.compression.widening.slimming import cut_to as cut_to
from spareto.compression.widening.slimming import scales_of as scales_of
from spareto.compression.widening.slimming import squeeze as squeeze
