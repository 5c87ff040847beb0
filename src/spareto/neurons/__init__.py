"""Spiking neurons, one file each; surrogate gradients in `surrogates`."""

from spareto.core.registry import Registry
from spareto.neurons._base import SpikingNeuron as SpikingNeuron

registry = Registry("spareto.neurons", SpikingNeuron, "neuron")
