"""What every network must keep, as functions: call them from the tests of your own network.

`frames` is `(time, batch, polarities, height, width)` of 0 and 1; `make` gives a network with fresh weights.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from copy import deepcopy

import torch
import torch.nn.functional as F
from torch import Tensor

from spareto.compression import compression_report
from spareto.core.errors import ConfigError
from spareto.kernels import reference
from spareto.networks import Network
from spareto.profiling import profile

Make = Callable[[], Network]


def check_rates(network: Network, frames: Tensor, classes: int) -> None:
    """One rate from 0 to 1 a class and sample; for a single timestep as well, unless T is built in."""
    for some in (frames, frames[:1]) if network.timesteps is None else (frames,):
        rates = network.eval()(some)
        assert rates.shape == (frames.shape[1], classes), f"rates of shape {tuple(rates.shape)}"
        assert bool(((rates >= 0) & (rates <= 1)).all()), "a rate outside 0..1"


def check_timesteps(network: Network, frames: Tensor) -> None:
    """A network built for one T says which, and refuses any other."""
    if network.timesteps is None:
        return
    assert network.timesteps == len(frames), f"built for {network.timesteps} timesteps"
    refusal = ""
    try:
        network(frames[1:])
    except ConfigError as error:
        refusal = str(error)
    assert "timesteps" in refusal, f"{len(frames) - 1} timesteps are not refused by name: {refusal!r}"


def check_wrong_frames(network: Network, frames: Tensor) -> None:
    """Frames of another sensor, without a timestep, on other axes or not of numbers are refused by name."""
    name = type(network).__module__.rpartition(".")[2]
    wrong = {
        "larger frames": F.pad(frames, (0, 6, 0, 6)),
        "smaller frames": frames[..., 1:],
        "another polarity": torch.cat([frames, frames[:, :, :1]], 2),
        "as many pixels": frames.transpose(2, 4),
        "four axes": frames[0],
        "no timestep": frames[:0],
        "bytes": frames.byte(),
        "bools": frames.bool(),
    }
    for what, given in wrong.items():
        for some in (given, given[:, :0]) if given.dim() == 5 else (given,):
            refusal = ""
            try:
                network(some)
            except ConfigError as error:
                refusal = str(error)
            assert refusal.startswith(f"network '{name}': got "), f"{what} are not refused: {refusal!r}"


def check_batch_independent(network: Network, frames: Tensor) -> None:
    """In evaluation a sample gets the same rates alone as among others."""
    network.eval()
    together = network(frames)
    for sample in range(frames.shape[1]):
        alone = network(frames[:, sample : sample + 1])
        assert torch.allclose(alone[0], together[sample], atol=1e-6), f"sample {sample} depends on its batch"


def check_repeatable(make: Make, frames: Tensor) -> None:
    """The same seed draws the same weights; deep copies and state dicts carry the whole network."""
    torch.manual_seed(3)
    first = make().eval()
    torch.manual_seed(3)
    second = make().eval()
    expected = first(frames)
    assert torch.equal(second(frames), expected), "the same seed gives other rates"
    other = make().eval()
    other.load_state_dict(first.state_dict())
    assert torch.equal(other(frames), expected), "the state dict does not hold the whole network"
    assert torch.equal(deepcopy(first)(frames), expected), "a deep copy gives other rates"


def check_learns(network: Network, frames: Tensor) -> None:
    """In training a finite gradient reaches every parameter."""
    network.train()(frames).square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, f"no gradient reaches {name}"
        assert bool(torch.isfinite(parameter.grad).all()), f"the gradient of {name} is not finite"


def check_kernels(network: Network, frames: Tensor) -> None:
    """Kernels give the rates and gradients of the plain torch network.

    They add in another order, so a neuron that stands at its threshold may fall to the other side of it.
    """
    fast, slow = (_rates_and_gradient(deepcopy(network), frames, plain=plain) for plain in (False, True))
    apart = float((fast[0] - slow[0]).abs().mean())
    assert apart <= 1e-3, f"rates are {apart:.2g} from those of the plain network"
    error = float((fast[1] - slow[1]).norm() / slow[1].norm().clamp_min(1e-30))
    assert error <= 1e-2, f"the gradient is {error:.2g} of its length from that of the plain network"


def _rates_and_gradient(network: Network, frames: Tensor, *, plain: bool) -> tuple[Tensor, Tensor]:
    with reference() if plain else nullcontext():
        torch.manual_seed(0)
        rates = network.train()(frames)
        (rates - 1.0).square().sum().backward()
    gradients = [parameter.grad.flatten() for parameter in network.parameters() if parameter.grad is not None]
    return rates.detach(), torch.cat(gradients)


def check_counted(network: Network, frames: Tensor) -> None:
    """The profiler can count every layer, so that no layer is costed as nothing."""
    labels = torch.zeros(frames.shape[1], dtype=torch.int64).numpy()
    workload = profile(network, frames.byte().numpy(), labels).workload
    counted, synaptic = {layer.name for layer in workload.layers}, compression_report(network)
    assert counted == {layer.name for layer in synaptic}, f"only {sorted(counted)} were counted"
    runs = (len(frames),) if network.timesteps is None else (len(frames), 1)  # attention runs once
    assert all(layer.timesteps in runs for layer in workload.layers), "a layer missed timesteps"
