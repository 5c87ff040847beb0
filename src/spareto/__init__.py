"""Spareto: the best accuracy for the energy a spiking network takes on your accelerator.

Names are loaded on first use, so that `import spareto` is quick and never imports torch by itself.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from spareto._version import __version__

if TYPE_CHECKING:
    from spareto import networks, recipes
    from spareto.compression import bake, calibrate, compress, compression_report, fold_batch_norm, shrink
    from spareto.core.errors import SparetoError
    from spareto.data.load import load_frames
    from spareto.hardware import cost, load_accelerator
    from spareto.lowering import lower
    from spareto.profiling import energy, profile
    from spareto.records import Cost, Recipe, TrainingPlan, Trial, Workload
    from spareto.reports.write import write_report
    from spareto.running import Interface, from_arrays
    from spareto.study.config import StudyConfig
    from spareto.study.front import front
    from spareto.study.networks import load_network
    from spareto.study.run import run_study
    from spareto.study.store import TrialStore
    from spareto.training import evaluate, train, train_seeds

__all__ = [
    "Cost",
    "Interface",
    "Recipe",
    "SparetoError",
    "StudyConfig",
    "TrainingPlan",
    "Trial",
    "TrialStore",
    "Workload",
    "__version__",
    "bake",
    "calibrate",
    "compress",
    "compression_report",
    "cost",
    "energy",
    "evaluate",
    "fold_batch_norm",
    "from_arrays",
    "front",
    "load_accelerator",
    "load_frames",
    "load_network",
    "lower",
    "networks",
    "profile",
    "recipes",
    "run_study",
    "shrink",
    "train",
    "train_seeds",
    "write_report",
]

_HOME = {
    "Cost": "records",
    "Interface": "running",
    "Recipe": "records",
    "SparetoError": "core.errors",
    "StudyConfig": "study.config",
    "TrainingPlan": "records",
    "Trial": "records",
    "TrialStore": "study.store",
    "Workload": "records",
    "bake": "compression",
    "calibrate": "compression",
    "compress": "compression",
    "compression_report": "compression",
    "cost": "hardware",
    "energy": "profiling",
    "evaluate": "training",
    "fold_batch_norm": "compression",
    "from_arrays": "running",
    "front": "study.front",
    "load_accelerator": "hardware",
    "load_frames": "data.load",
    "load_network": "study.networks",
    "lower": "lowering",
    "profile": "profiling",
    "run_study": "study.run",
    "shrink": "compression",
    "train": "training",
    "train_seeds": "training",
    "write_report": "reports.write",
}


def __getattr__(name: str) -> Any:
    if name in ("networks", "recipes"):
        return importlib.import_module(f"spareto.{name}")
    if name in _HOME:
        return getattr(importlib.import_module(f"spareto.{_HOME[name]}"), name)
    raise AttributeError(f"module 'spareto' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
