"""The steps of a recipe as data, one file each; `spareto.compression.steps` has a file of the same name.

Two files, for a recipe is read where there is no torch, and carried out where there is.
"""

from spareto.core.registry import Registry
from spareto.records.steps._base import StepPlan as StepPlan

registry = Registry("spareto.records.steps", StepPlan, "step")
