"""Recorded calls made again by a library of this machine."""

import ctypes

import numpy as np

from replay.recording import Call, Pointer
from spareto.kernels import library


def again(call: Call, kernels: ctypes.CDLL) -> list[np.ndarray]:
    """What the call's regions hold after it was made on `kernels`."""
    run = getattr(kernels, call.name)
    run.argtypes, run.restype = [library._TYPES[letter] for letter in call.signature], ctypes.c_int
    memory = [region.before.copy() for region in call.regions]
    for where, there in call.fixes:
        at = memory[where.region][where.offset :]
        at[: ctypes.sizeof(ctypes.c_void_p)].view(np.uintp)[0] = _address(memory, there)
    status = run(
        *(_address(memory, given) if isinstance(given, Pointer) else given for given in call.arguments)
    )
    assert status == call.status, f"{call.name} answered {status}, not {call.status}"
    return memory


def _address(memory, pointer):
    return memory[pointer.region].ctypes.data + pointer.offset
