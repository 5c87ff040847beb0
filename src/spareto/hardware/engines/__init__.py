"""How a workload is costed on a kind of accelerator: one file per kind, its description beside its engine."""

from typing import Any

from spareto.core.registry import Registry
from spareto.hardware.engines._base import CostEngine as CostEngine
from spareto.hardware.engines._base import CostPlan as CostPlan
from spareto.hardware.engines._base import Lanes as Lanes
from spareto.hardware.engines._base import Nests as Nests

registry: Registry[CostEngine[Any]] = Registry("spareto.hardware.engines", CostEngine, "accelerator kind")
