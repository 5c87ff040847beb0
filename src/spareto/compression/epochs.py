"""What begins anew with every epoch of a compressed network's training."""

from __future__ import annotations

from torch import nn
from torch.nn.utils import parametrize

from spareto.quantizers import Quantizer


def begin_epoch(network: nn.Module, epoch: int, epochs: int) -> None:
    """Tell every quantizer of weights that are trained that an epoch begins; see `BeforeEpoch`."""
    for chain in network.modules():
        if isinstance(chain, parametrize.ParametrizationList) and chain.original.requires_grad:
            for part in chain.modules():
                if isinstance(part, Quantizer):
                    part.begin_epoch(epoch, epochs)
