"""Surrogate gradients, one file each."""

from spareto.core.registry import Registry
from spareto.neurons.surrogates._base import Surrogate as Surrogate

registry = Registry("spareto.neurons.surrogates", Surrogate, "surrogate")
