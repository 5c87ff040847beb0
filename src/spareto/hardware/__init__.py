"""The torch-free island: a Workload in, a Cost out."""

from spareto.hardware.accelerators import load_accelerator as load_accelerator
from spareto.hardware.accelerators import names as accelerator_names
from spareto.hardware.accelerators.scaling import scaled as scaled
from spareto.hardware.bops import layer_bops as layer_bops
from spareto.hardware.bops import workload_bops as workload_bops
from spareto.hardware.counting.encoders import list_addresses as list_addresses
from spareto.hardware.counting.sparsity import sparsity_by_step as sparsity_by_step
from spareto.hardware.describing.accelerator import Accelerator as Accelerator
from spareto.hardware.describing.chip import Chip as Chip
from spareto.hardware.engines import Lanes as Lanes
from spareto.hardware.grid import CostGrid as CostGrid
from spareto.hardware.grid import cost_grid as cost_grid
from spareto.hardware.mapping.fixed import fixed_nest as fixed_nest
from spareto.hardware.network_metrics import Metrics as Metrics
from spareto.hardware.network_metrics import metrics as metrics
from spareto.hardware.workload_cost import BEST as BEST
from spareto.hardware.workload_cost import CHEAPEST as CHEAPEST
from spareto.hardware.workload_cost import best_by_layer as best_by_layer
from spareto.hardware.workload_cost import cost as cost
from spareto.hardware.workload_cost import cost_all_formats as cost_all_formats
from spareto.hardware.workload_cost import find_mappings as find_mappings

__all__ = [
    "BEST",
    "CHEAPEST",
    "Accelerator",
    "Chip",
    "CostGrid",
    "Lanes",
    "Metrics",
    "accelerator_names",
    "best_by_layer",
    "cost",
    "cost_all_formats",
    "cost_grid",
    "find_mappings",
    "fixed_nest",
    "layer_bops",
    "list_addresses",
    "load_accelerator",
    "metrics",
    "scaled",
    "sparsity_by_step",
    "workload_bops",
]
