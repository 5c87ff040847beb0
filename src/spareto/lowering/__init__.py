"""From a compressed network to integers: the one place where a float becomes a fixed-point number."""

from spareto.lowering.explain import Deviation as Deviation
from spareto.lowering.explain import ExplainedLayer as ExplainedLayer
from spareto.lowering.explain import deviations as deviations
from spareto.lowering.explain import explained as explained
from spareto.lowering.lowered import Lowered as Lowered
from spareto.lowering.lowered import lower as lower
from spareto.lowering.module import IntegerModule as IntegerModule
