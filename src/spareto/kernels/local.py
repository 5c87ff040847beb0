"""Local learning in C: all timesteps of all samples in one call."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from spareto.kernels.library import function

COEFFICIENTS: Final = (
    *("rest", "reset", "threshold", "decay", "theta_plus", "theta_decay", "inhibition", "trace_decay"),
    *("rate_pre", "rate_post", "norm", "inner_rest", "inner_reset", "inner_threshold", "inner_decay"),
    *(
        "excitation",
        "spike_threshold",
        "weight_scale",
        "weight_high",
        "state_scale",
        "state_low",
        "state_high",
    ),
)
"""Their order in `csrc/local.c`; float32."""
SHAPE: Final = ("T", "M", "N", "refractory", "inner_refractory", "window", "inner", "one_spike", "active")
COUNTS: Final = ("inputs", "spikes", "inner_spikes", "updates", "writes", "columns")
"""What is counted of each sample: spikes of the inputs, of the neurons and of their inhibitory population;
moments at which weights change; weights written at them; neurons whose weights were normalised."""


def run(
    limits: Tensor,
    keys: Tensor,
    weight: Tensor,
    theta: Tensor,
    k: Tensor,
    shape: Tensor,
    *,
    learns: bool,
    threads: int = 1,
) -> tuple[Tensor, Tensor]:
    """Show samples to the neurons, one after the other.

    Args:
        limits: An input spikes where a random 32-bit number lies below; uint32 in int32, shape `(S, M)`.
        keys: Of the random numbers of each sample; int32, shape `(S, 2)`.
        weight: float32, shape `(M, N)`; changed in place if it learns.
        theta: Offsets of the thresholds, float32, shape `(N,)`; changed in place if it learns.
        k: The coefficients, float32.
        shape: The shape, int64.
        learns: Whether weights and offsets follow.
        threads: Threads, each with samples of its own; 1 is taken where it learns.

    Returns:
        Spikes of each neuron, int32 `(S, N)`, and counts, int64 `(S, len(COUNTS))`.
    """
    samples = len(limits)
    spikes = torch.empty((samples, weight.shape[1]), dtype=torch.int32)
    counts = torch.empty((samples, len(COUNTS)), dtype=torch.int64)
    tensors = (limits, keys, weight, theta, spikes, counts, k, shape)
    call = function("spareto_local_run", "ppppppppqii")
    call(*(tensor.data_ptr() for tensor in tensors), samples, int(learns), threads)
    return spikes, counts
