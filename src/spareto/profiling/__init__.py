"""Run a network once over the test split, and freeze what was counted into a workload."""

from spareto.profiling.inference_energy import Energy as Energy
from spareto.profiling.inference_energy import energy as energy
from spareto.profiling.layers import StorageWidths as StorageWidths
from spareto.profiling.profiler import Profile as Profile
from spareto.profiling.profiler import profile as profile
