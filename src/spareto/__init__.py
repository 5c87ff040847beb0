"""Spareto: the best accuracy for the energy a spiking network takes on your accelerator.

Names and subpackages are loaded on first use, so that `import spareto` is quick and never imports torch by
itself.
"""

from __future__ import annotations

import gc
import importlib
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from spareto._version import __version__

if TYPE_CHECKING:
    from spareto import compression as compression
    from spareto import converting as converting
    from spareto import data as data
    from spareto import export as export
    from spareto import exporting as exporting
    from spareto import formats as formats
    from spareto import fpga as fpga
    from spareto import frameworks as frameworks
    from spareto import hardware as hardware
    from spareto import integer as integer
    from spareto import interchange as interchange
    from spareto import kernels as kernels
    from spareto import layers as layers
    from spareto import lowering as lowering
    from spareto import mechanistic as mechanistic
    from spareto import networks as networks
    from spareto import neurons as neurons
    from spareto import observing as observing
    from spareto import package as package
    from spareto import plasticity as plasticity
    from spareto import profiling as profiling
    from spareto import pruners as pruners
    from spareto import quantizers as quantizers
    from spareto import recipes as recipes
    from spareto import records as records
    from spareto import reports as reports
    from spareto import reproduction as reproduction
    from spareto import running as running
    from spareto import runtime as runtime
    from spareto import study as study
    from spareto import testing as testing
    from spareto import training as training
    from spareto import widths as widths
    from spareto.compression import (
        bake,
        calibrate,
        compress,
        compress_and_train,
        compression_report,
        fold_batch_norm,
        footprint,
        rehearse,
        shrink,
        widen,
        widen_and_squeeze,
    )
    from spareto.core.errors import (
        CapacityError,
        ConfigError,
        DataError,
        InputError,
        MissingDependency,
        OutOfMemory,
        ShapeError,
        SparetoError,
        StoreError,
        TrainingError,
        UnknownName,
        UnsupportedLayer,
    )
    from spareto.data.load import load_frames
    from spareto.data.own import load_data
    from spareto.hardware import cost, cost_all_formats, cost_grid, load_accelerator
    from spareto.interchange import convert, export_to
    from spareto.lowering import lower
    from spareto.profiling import energy, profile
    from spareto.records import (
        Budget,
        Cost,
        Epitome,
        EpitomeStep,
        LayerBits,
        LayerEpitome,
        LayerFilter,
        LayerSparsity,
        MembranePlan,
        PruneStep,
        QuantizeStep,
        Recipe,
        SchedulePlan,
        TrainingPlan,
        Trial,
        WideningPlan,
        Workload,
    )
    from spareto.records.data import DataPlan, FolderData, ImportedData
    from spareto.running import Interface, from_arrays
    from spareto.study.config import StudyConfig
    from spareto.study.front import front, hypervolume
    from spareto.study.networks import load_network, save_network
    from spareto.study.report import write_report
    from spareto.study.run import run_study
    from spareto.study.store import TrialStore
    from spareto.training import evaluate, train, train_seeds

_ROOMS: Final = [
    *("compression", "converting", "data", "export", "exporting", "formats", "fpga", "frameworks"),
    *("hardware", "integer", "interchange", "kernels", "layers", "lowering", "mechanistic", "networks"),
    *("neurons", "observing", "package", "plasticity", "profiling", "pruners", "quantizers", "recipes"),
    *("records", "reports", "reproduction", "running", "runtime", "study", "testing", "training", "widths"),
]
_NAMES: Final = {
    "compression": (
        "bake calibrate compress compress_and_train compression_report fold_batch_norm footprint"
        " rehearse shrink widen widen_and_squeeze"
    ),
    "core.errors": (
        "CapacityError ConfigError DataError InputError MissingDependency OutOfMemory ShapeError SparetoError"
        " StoreError TrainingError UnknownName UnsupportedLayer"
    ),
    "data.load": "load_frames",
    "data.own": "load_data",
    "hardware": "cost cost_all_formats cost_grid load_accelerator",
    "interchange": "convert export_to",
    "lowering": "lower",
    "profiling": "energy profile",
    "records": (
        "Budget Cost Epitome EpitomeStep LayerBits LayerEpitome LayerFilter LayerSparsity MembranePlan"
        " PruneStep QuantizeStep Recipe SchedulePlan TrainingPlan Trial WideningPlan Workload"
    ),
    "records.data": "DataPlan FolderData ImportedData",
    "running": "Interface from_arrays",
    "study.config": "StudyConfig",
    "study.front": "front hypervolume",
    "study.networks": "load_network save_network",
    "study.report": "write_report",
    "study.run": "run_study",
    "study.store": "TrialStore",
    "training": "evaluate train train_seeds",
}
_HOME: Final = {name: module for module, names in _NAMES.items() for name in names.split()}

__all__ = sorted(["__version__", *_ROOMS, *_HOME])  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(_imported(_HOME[name]), name)
    if name in _ROOMS:
        return _imported(name)
    raise AttributeError(f"module 'spareto' has no attribute {name!r}")


def _imported(name: str) -> ModuleType:
    """A module of ours, imported without garbage collection, which would look at all of torch for 0.1 s."""
    collects = gc.isenabled()
    gc.disable()
    try:
        return importlib.import_module(f"spareto.{name}")
    finally:
        if collects:
            gc.enable()


def __dir__() -> list[str]:
    return sorted(__all__)
