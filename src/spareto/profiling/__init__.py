"""Run a network once over the test split, and freeze what was counted into a workload."""

from spareto.profiling.energy import Energy as Energy
from spareto.profiling.energy import energy as energy
from spareto.profiling.layers import Widths as Widths
from spareto.profiling.profile import Profile as Profile
from spareto.profiling.profile import profile as profile
