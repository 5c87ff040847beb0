"""The steps of a recipe, one file each."""

from spareto.compression.steps._base import Step as Step
from spareto.compression.steps._base import StepContext as StepContext
from spareto.core.registry import Registry

registry = Registry("spareto.compression.steps", Step, "step")
