"""Fused kernels for the processor, in plain C called through ctypes; numba and torch where C cannot run."""

from spareto.kernels.decision_log import KernelDecision as KernelDecision
from spareto.kernels.decision_log import Reason as Reason
from spareto.kernels.decision_log import decisions as decisions
from spareto.kernels.kernel_options import options as options
from spareto.kernels.kernel_options import reference as reference
from spareto.kernels.library import backend as backend
from spareto.kernels.neurons import kernels_on as kernels_on
from spareto.kernels.spikes import Spikes as Spikes
from spareto.kernels.spikes import dense as dense
from spareto.kernels.spikes import pack as pack
from spareto.kernels.workspace import release as release
