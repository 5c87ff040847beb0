"""Fused kernels for the processor, in plain C called through ctypes; numba and torch where C cannot run."""

from spareto.kernels.library import backend as backend
