"""Layers without state: those of torch as they are, those of frameworks as torch's own."""

from __future__ import annotations

import copy
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from spareto.converting.graph import Form

_SEEN_THROUGH: Final = (nn.Flatten, nn.Unflatten, nn.Identity)
_NOT: Final = (nn.RNNBase, nn.RNNCellBase, nn.MultiheadAttention, nn.Embedding, nn.Bilinear)
_WRAPPED: Final = "spikingjelly.activation_based.layer"


class SteadyDropout(nn.Module):
    """Dropout that silences the same elements of a sample at every timestep.

    Args:
        p: Share that is silenced in training, 0..1.
        spatial: Whether whole channels are silenced.
    """

    over_time = True

    def __init__(self, p: float, spatial: bool = False) -> None:
        super().__init__()
        self.p, self.spatial = p, spatial

    def forward(self, signal: Tensor) -> Tensor:
        """`(time, batch, ...)` in and out."""
        if not self.training or self.p == 0:
            return signal
        shape = signal.shape[1:3] if self.spatial else signal.shape[1:]
        mask = nn.functional.dropout(signal.new_ones(shape), self.p)
        return signal * mask.reshape(*shape, *(1,) * (signal.dim() - 1 - mask.dim()))

    def extra_repr(self) -> str:
        """What `print(network)` shows."""
        return f"p={self.p}"


def is_layer(module: nn.Module) -> bool:
    """Whether a module is a layer without state, seen as a whole."""
    if _steady(module):
        return True
    base = torch_class(module)
    if base is None or issubclass(base, (*_SEEN_THROUGH, *_NOT)) or isinstance(module, nn.ModuleList):
        return False
    wrapped = type(module).__module__.startswith(_WRAPPED) and type(module).__name__ == base.__name__
    own = type(module).forward is base.forward or wrapped
    return own and (not any(True for _ in module.children()) or parametrize.is_parametrized(module))


def torch_class(module: nn.Module) -> type[nn.Module] | None:
    """The class of torch that a layer is, itself or by its base; None if it is none."""
    for base in type(module).__mro__:
        if base.__module__.startswith("torch.nn.modules."):
            listed = base.__module__ not in ("torch.nn.modules.module", "torch.nn.modules.container")
            return base if listed and not base.__name__.startswith("_") else None
    return None


def takes(module: nn.Module, form: Form) -> bool:
    """Whether a layer may be given a signal in some form."""
    if form in ("step", "sample", "T*B", "B*T"):
        return True
    if type(module).__module__.startswith(_WRAPPED):
        return form == "TB" and getattr(module, "step_mode", "s") == "m"
    base = torch_class(module)
    single = base is not None and base.__module__.rpartition(".")[2] in ("activation", "dropout", "linear")
    return single and form in ("TB", "BT")


def ours(module: nn.Module, copied: dict[int, Any]) -> nn.Module:
    """A copy of a layer as torch's own class, its weights and their parametrizations too.

    Args:
        module: The layer.
        copied: What was copied with other layers, for `copy.deepcopy`: weights that are tied stay so.
    """
    if _steady(module):
        return SteadyDropout(float(vars(module)["p"]), type(module).__name__ != "Dropout")
    base = torch_class(module)
    assert base is not None
    if base is nn.LPPool2d and type(module).__module__.startswith("sinabs"):
        pool: Any = module
        stride = pool.stride if pool.stride is not None else pool.kernel_size
        return nn.AvgPool2d(pool.kernel_size, stride, ceil_mode=pool.ceil_mode, divisor_override=1)
    with torch.inference_mode(mode=False):
        made = copy.deepcopy(module, copied)
    if isinstance(made, nn.MaxPool1d | nn.MaxPool2d | nn.MaxPool3d):
        made.return_indices = False  # a network that reads them is refused
    if type(module) is base or parametrize.is_parametrized(module):
        return made
    plain = base.__new__(base)
    kept = {
        name: value
        for name, value in vars(made).items()
        if name not in ("_memories", "_memories_rv", "_step_mode", "_backend", "step_mode")
    }
    plain.__dict__.update(kept)
    return plain


def _steady(module: nn.Module) -> bool:
    kind = type(module)
    return kind.__module__.startswith(_WRAPPED) and kind.__name__ in ("Dropout", "Dropout2d")
