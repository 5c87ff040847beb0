"""The torch-free island: a Workload in, a Cost out."""

from spareto.hardware.accelerator import Accelerator as Accelerator
from spareto.hardware.accelerators import load_accelerator as load_accelerator
from spareto.hardware.accelerators import names as accelerator_names
from spareto.hardware.cost import cost as cost
from spareto.hardware.cost import cost_all_formats as cost_all_formats
from spareto.hardware.cost import find_mappings as find_mappings
from spareto.hardware.metrics import Metrics as Metrics
from spareto.hardware.metrics import metrics as metrics

__all__ = [
    "Accelerator",
    "Metrics",
    "accelerator_names",
    "cost",
    "cost_all_formats",
    "find_mappings",
    "load_accelerator",
    "metrics",
]
