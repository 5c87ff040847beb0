"""What of the machine a study runs on: one process, one device."""

from __future__ import annotations

import torch

from spareto.core.errors import ConfigError, Problem, did_you_mean, one_of
from spareto.training.processes import process_count

DEVICES = ("cpu", "cuda", "auto")


def device_named(name: str) -> torch.device:
    """The device that `cpu`, `cuda` or `auto` means here; `auto` takes a GPU if there is one.

    Raises:
        ConfigError: There is no such device.
    """
    if name not in DEVICES:
        raise ConfigError(Problem("device", repr(name), one_of(DEVICES), did_you_mean(name, DEVICES)))
    has_cuda = torch.cuda.is_available()
    if name == "cuda" and not has_cuda:
        cure = "Choose cpu, or install a torch that finds the GPU."
        raise ConfigError(Problem("device", "'cuda'", "a device that torch finds here", cure))
    return torch.device("cuda" if has_cuda and name != "cpu" else "cpu")


def refuse_several(command: str) -> None:
    """Refuse to run beside other processes of `torchrun`: each would write the same files.

    Raises:
        ConfigError: There are several.
    """
    if process_count() > 1:
        cure = "Run it without torchrun; a script of your own that calls spareto.train can share its batches."
        raise ConfigError(Problem(command, f"{process_count()} processes", "one", cure))
