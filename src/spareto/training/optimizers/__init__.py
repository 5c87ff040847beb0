"""What makes a step of a gradient, one file each."""

from spareto.core.registry import Registry
from spareto.training.optimizers._base import Optimizer as Optimizer
from spareto.training.optimizers._base import Parameters as Parameters

registry = Registry("spareto.training.optimizers", Optimizer, "optimizer")
