"""Kernel calls as data: what went in and what came out, to be made again by another build."""

import ctypes
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from torch import Tensor

from spareto.kernels import library

ADDRESSES = "addresses"  # what a region of pointers holds instead of numbers


@dataclass(frozen=True)
class Pointer:
    """A place inside a region."""

    region: int
    offset: int


@dataclass
class Region:
    """Memory that a call sees: the storage of a tensor, or a struct."""

    kind: str  # a numpy type, or ADDRESSES
    before: np.ndarray
    after: np.ndarray | None = None


@dataclass
class Call:
    """One call; `fixes` are pairs (where an address lies, what it points to)."""

    name: str
    signature: str
    status: int = 0
    arguments: list[int | Pointer] = field(default_factory=list)
    regions: list[Region] = field(default_factory=list)
    fixes: list[tuple[Pointer, Pointer]] = field(default_factory=list)


class Recorder:
    """Stands in for `library.function`: makes each call on one library and keeps it."""

    def __init__(self, kernels):
        self.kernels, self.calls, self.seen = kernels, [], []

    def function(self, name, signature):
        run = getattr(self.kernels, name)
        run.argtypes, run.restype = [library._TYPES[letter] for letter in signature], ctypes.c_int

        def record(*arguments):
            call, places = Call(name, signature), {}
            for letter, argument in zip(signature, arguments, strict=True):
                pointer = letter == "p" and argument is not None
                pointer = pointer and argument != 0  # what an empty tensor has for an address
                call.arguments.append(self._point(call, places, argument) if pointer else int(argument or 0))
            call.status = run(*arguments)
            for start, place in places.items():
                call.regions[place].after = _bytes(start, len(call.regions[place].before))
            self.calls.append(call)
            self.seen.clear()
            return call.status

        return record

    def _point(self, call, places, argument):
        """The region of an address, a struct or an array of addresses; the same memory is the same region."""
        if isinstance(argument, int):
            tensor = next(tensor for tensor in reversed(self.seen) if _inside(tensor, argument))
            storage, kind = tensor.untyped_storage(), str(tensor.dtype).removeprefix("torch.")
            start, size = storage.data_ptr(), storage.nbytes()
        else:
            start, size, kind = ctypes.addressof(argument), ctypes.sizeof(argument), "int32"
            argument, elements = start, argument
            if elements._type_ is ctypes.c_void_p:
                return self._table(call, places, elements)
        if start not in places:
            places[start] = len(call.regions)
            call.regions.append(Region(kind, _bytes(start, size)))
        return Pointer(places[start], argument - start)

    def _table(self, call, places, addresses):
        table = Pointer(len(call.regions), 0)
        call.regions.append(Region(ADDRESSES, np.zeros(ctypes.sizeof(addresses), np.uint8)))
        for place, address in enumerate(addresses):
            if address is not None:
                there = self._point(call, places, address)
                call.fixes.append((Pointer(table.region, place * ctypes.sizeof(ctypes.c_void_p)), there))
        return table

    @contextmanager
    def recording(self):
        """Records what the C backend does; what a kernel leaves unwritten is NaN, not yesterday's answer."""
        address, function = Tensor.data_ptr, library.function

        def data_ptr(tensor):
            self.seen.append(tensor)
            return address(tensor)

        before = torch.are_deterministic_algorithms_enabled()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Tensor, "data_ptr", data_ptr)
            for name, module in list(sys.modules.items()):
                if name.startswith("spareto.kernels.") and vars(module).get("function") is function:
                    patch.setattr(module, "function", self.function)
            torch.use_deterministic_algorithms(True)  # fills what `torch.empty` gives
            try:
                yield self.calls
            finally:
                torch.use_deterministic_algorithms(before)


def _inside(tensor, address):
    storage = tensor.untyped_storage()
    return storage.data_ptr() <= address < storage.data_ptr() + storage.nbytes()


def _bytes(start, size):
    return np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(start)).copy()
