"""Run a network that was read once, so that one that does not fit its data says so now."""

from __future__ import annotations

from typing import Any

import torch

from spareto.converting.network import ConvertedNetwork
from spareto.core.errors import ConfigError, Problem
from spareto.running import samples_of


def tried(network: ConvertedNetwork, sample: Any) -> ConvertedNetwork:
    """The network, after a run on a sample `(time, samples, ...)` if there is one.

    Raises:
        ConfigError: It cannot run on it.
        DataError: The sample is no array of numbers.
    """
    if sample is None:
        return network
    frames = samples_of(sample, None, layout="time-first").frames
    first = next(network.parameters(), None)
    frames = frames if first is None else frames.to(first.device, first.dtype)
    try:
        with torch.no_grad():
            network(frames)
    except RuntimeError as error:
        got, rule = f"a sample of shape {tuple(frames.shape)}", "one that the network takes"
        told = " ".join(str(error).split())[:200]
        raise ConfigError(Problem("sample", f"{got} ({told})", rule, "Give it another sample.")) from None
    return network
