"""What begins anew with every epoch of a compressed network's training."""

from __future__ import annotations

from torch import nn

from spareto.quantizers import Quantizer


def begin_epoch(network: nn.Module, epoch: int, epochs: int) -> None:
    """Tell every quantizer that an epoch begins; see `BeforeEpoch`."""
    for module in network.modules():
        if isinstance(module, Quantizer):
            module.begin_epoch(epoch, epochs)
