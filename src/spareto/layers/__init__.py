"""Spiking layers that networks are built of, one file each."""

from spareto.core.registry import Registry
from spareto.layers._base import SpikingLayer as SpikingLayer
from spareto.layers._decisions import decisions_of as decisions_of

registry = Registry("spareto.layers", SpikingLayer, "layer")
