"""The Triton neuron loops compiled for GPUs that are not here, as they are launched; prints what came out.

A program of its own, for it puts a driver without a GPU in the place of Triton's.
"""

from __future__ import annotations

import json
import re
from typing import Any

import torch
from triton.backends.compiler import GPUTarget
from triton.runtime.driver import driver

from backend_cases import KINDS, results
from spareto.kernels import cuda_neurons
from spareto.kernels.dynamics import Dynamics

ODD, LONELY, EVEN = (7, 3, 259), (1, 1, 1), (5, 4, 64)
EXTREMES = ("lif", "everything learned")
CASES = [(90, ODD, kind) for kind in KINDS]
CASES += [(90, shape, kind) for shape in (LONELY, EVEN) for kind in EXTREMES]
CASES += [(capability, ODD, kind) for capability in (75, 80) for kind in EXTREMES]


class Absent:
    """A driver that says which GPU to compile for."""

    def __init__(self, capability: int) -> None:
        self.capability = capability

    def get_current_target(self) -> GPUTarget:
        return GPUTarget("cuda", self.capability, 32)

    def get_current_device(self) -> int:
        return self.capability

    def get_current_stream(self, _device: int) -> int:
        return 0

    def get_active_torch_device(self) -> torch.device:
        return torch.device("cpu")


class Compiled:
    """Takes a kernel's launches, and compiles instead."""

    def __init__(self, kernel: Any, into: list[Any]) -> None:
        self.kernel, self.into = kernel, into

    def __getitem__(self, grid: tuple[int, ...]) -> Any:
        return lambda *values, **named: self.into.append(self.kernel.warmup(*values, grid=grid, **named))


class Kernels:
    """In the place of `spareto.kernels.triton_loops`."""

    def __init__(self, module: Any) -> None:
        self.compiled: list[Any] = []
        self.forward, self.backward = (Compiled(f, self.compiled) for f in (module.forward, module.backward))


def look(compiled: Any) -> dict[str, Any]:
    """What of a kernel decides whether it is right on a GPU."""
    ptx, layouts = compiled.asm["ptx"], compiled.asm["ttgir"]
    return {
        "name": compiled.metadata.name,
        "fused": len(re.findall(r"\bfma\.", ptx)),
        "rounded_later": len(re.findall(r"\b(?:mul|add|sub)(?:\.ftz)?\.f32", ptx)),  # ptxas may fuse these
        "shuffles": layouts.count("ttg.convert_layout"),
        "barriers": layouts.count("ttg.barrier"),
        "machine_code": len(compiled.asm["cubin"]),
    }


def fresh(dynamics: Dynamics, shape: tuple[int, ...]) -> None:
    """The loops of fresh neurons whose last state nobody wants."""
    x, k = torch.zeros(shape), dynamics.coefficients().detach()
    gk = torch.zeros(len(k), dtype=torch.float64) if dynamics.learned else None
    cuda_neurons.forward(x, torch.empty_like(x), k, None, None, dynamics.flags)
    cuda_neurons.backward(
        *(x, x, torch.empty_like(x), k, gk, None, None, None, dynamics.flags, dynamics.surrogate or 0)
    )


def main() -> None:
    kernels = Kernels(cuda_neurons._kernels())
    cuda_neurons._kernels = lambda: kernels
    found = []
    for capability, shape, kind in CASES:
        driver.set_active(Absent(capability))
        kernels.compiled.clear()
        results(cuda_neurons, Dynamics(**KINDS[kind]), shape)
        fresh(Dynamics(**KINDS[kind]), shape)
        where = {"capability": capability, "shape": shape, "kind": kind}
        found += [where | look(one) for one in kernels.compiled]
    print(json.dumps(found))


if __name__ == "__main__":
    main()
