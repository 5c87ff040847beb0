"""How a workload is costed on a kind of accelerator: one file per kind, its description beside its engine."""

from typing import Any

from spareto.core.registry import Registry
from spareto.hardware.engines._base import Engine as Engine
from spareto.hardware.engines._base import Lanes as Lanes
from spareto.hardware.engines._base import Nests as Nests
from spareto.hardware.engines._base import Plan as Plan

registry: Registry[Engine[Any]] = Registry("spareto.hardware.engines", Engine, "accelerator kind")
