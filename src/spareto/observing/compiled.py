"""Networks whose operators are hidden: compiled parts run eagerly, scripted and exported ones are refused."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import nn
from torch.fx import GraphModule

from spareto.core.errors import ConfigError, Problem


def eagerly() -> AbstractContextManager[object]:
    """A context in which what `torch.compile` made runs operator by operator."""
    if "torch._dynamo" not in sys.modules:
        return nullcontext()
    return torch.compiler.set_stance("force_eager")


def refuse_scripted(network: nn.Module) -> None:
    """Refuse a network of which a part is no longer Python.

    Raises:
        ConfigError: TorchScript or `torch.export` made it; the first such part is named.
    """
    for name, module in network.named_modules():
        made_by = _maker(module)
        if made_by is not None:
            where = f"module '{name}'" if name else "network"
            rule = "a network whose modules and operators can be looked at"
            cure = f"Give the network as it was before {made_by}."
            raise ConfigError(Problem(where, type(module).__name__, rule, cure))


def _maker(module: nn.Module) -> str | None:
    if isinstance(module, torch.jit.ScriptModule):
        return "torch.jit.trace" if "Traced" in type(module).__name__ else "torch.jit.script"
    return "torch.export" if isinstance(module, GraphModule) and "validate_inputs" in vars(module) else None
