"""A raw state dict with a short description of its layers becomes a network of ours."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import torch
import yaml
from pydantic import Field
from safetensors.torch import load
from torch import Tensor, nn

from spareto.converting.functions import Reshape
from spareto.converting.network import ConvertedNetwork
from spareto.converting.steps import ForwardStep
from spareto.core.artifacts import there
from spareto.core.config import Record
from spareto.core.errors import ConfigError, Problem, StoreError, did_you_mean
from spareto.core.plain import from_yaml
from spareto.layers import SpikingLayer
from spareto.layers.spiking_block import SpikingBlock
from spareto.layers.spiking_dense import SpikingDense
from spareto.neurons import registry
from spareto.neurons.recurrent import Recurrent

Side = Annotated[int, Field(ge=1, le=1 << 12)]
Rim = Annotated[int, Field(ge=0, le=1 << 12)]
_WRAPPERS: Final = ("state_dict", "model_state_dict", "model", "net", "network")


class PoolPlan(Record):
    """A pooling of spikes."""

    kind: Literal["max", "mean"] = "max"
    kernel: int = Field(ge=1, le=1 << 12)
    stride: int | None = Field(default=None, ge=1, le=1 << 12)


class LayerEntry(Record):
    """One layer, in the order they run; names are those in the state dict, without `.weight`.

    Args:
        conv: Name of a convolution.
        linear: Name of a dense layer.
        norm: Name of the batch norm behind it.
        recurrent: Name of dense connections from the neurons' last spikes back to them.
        neuron: Our neuron and its options, `{name: lif, beta: 0.9}`; without, the layer's sums go on.
        pool: Pooling behind the neurons.
        stride: Of the convolution.
        padding: Of the convolution.
        dilation: Of the convolution.
        groups: Of the convolution.
    """

    conv: str | None = None
    linear: str | None = None
    norm: str | None = None
    recurrent: str | None = None
    neuron: dict[str, Any] | None = None
    pool: PoolPlan | None = None
    stride: Side | tuple[Side, Side] = 1
    padding: Rim | tuple[Rim, Rim] = 0
    dilation: Side | tuple[Side, Side] = 1
    groups: int = Field(default=1, ge=1, le=1 << 16)


class StateDictPlan(Record):
    """Layers of a state dict.

    Args:
        neuron: What every layer has that says none.
        layers: In order.
    """

    neuron: dict[str, Any] | None = None
    layers: tuple[LayerEntry, ...] = Field(min_length=1, max_length=1000)


def network_of(state: Mapping[str, Any], layers: Any) -> ConvertedNetwork:
    """The network of a state dict.

    Args:
        state: Tensors by name, also one level down, under `state_dict` and the like.
        layers: A `StateDictPlan`: as a mapping, its list of layers, or a YAML file with it.

    Returns:
        The network in evaluation mode; its last note says what was not used.

    Raises:
        ConfigError: A name is not in the state dict, a shape does not fit, a neuron has no such option; all
            of it is named, and at the end what was not used.
    """
    plan, found = _plan(layers), _Finder(_tensors(state))
    parts, problems = dict[str, nn.Module](), found.problems
    for number, layer in enumerate(plan.layers):
        try:
            made = _made(layer, plan.neuron, found, f"layers[{number}]")
        except ConfigError as error:
            problems += error.problems
            continue
        if made is not None:
            parts[str(number)] = made
    unused = [name for name in found.tensors if name not in found.used]
    listed = ", ".join(unused[:8]) + (f" and {len(unused) - 8} more" if len(unused) > 8 else "")
    if problems:
        if unused:
            rule, cure = "nothing, or what the layers above miss", "Look for the right names among these."
            problems.append(Problem("not used of the state dict", listed, rule, cure))
        raise ConfigError(problems)
    network = _joined(parts, plan)
    network.notes = (
        f"Not used of the state dict: {listed}." if unused else "All of the state dict is used.",
    )
    return network.eval()


def read_state(path: Path) -> Mapping[str, Any]:
    """The tensors of a file of `torch.save` or safetensors, without running what is in it.

    Raises:
        StoreError: It is missing, or holds other than tensors.
    """
    if not there(path):
        raise StoreError(Problem(str(path), "no such file", "a state dict", "Check the path."))
    try:
        if path.suffix == ".safetensors":
            return load(path.read_bytes())
        found = torch.load(path, map_location="cpu", weights_only=True)
        if not isinstance(found, Mapping):
            raise ValueError(f"a {type(found).__name__}")
    except Exception as error:  # torch raises what it likes of a damaged file
        got = " ".join(str(error).split())[:160] or type(error).__name__
        rule, cure = "tensors by name", "Store model.state_dict() with torch.save."
        raise StoreError(Problem(str(path), f"an unreadable file ({got})", rule, cure)) from None
    return found


class _Finder:
    """Takes tensors by name, and remembers which."""

    def __init__(self, tensors: dict[str, Tensor]) -> None:
        self.tensors, self.used, self.problems = tensors, set[str](), list[Problem]()

    def take(self, place: str, name: str, dims: tuple[int, ...], *, needed: bool = True) -> Tensor | None:
        value = self.tensors.get(name)
        if value is None:
            if needed:
                rule, cure = "a name in the state dict", did_you_mean(name, tuple(self.tensors))
                self.problems.append(
                    Problem(place, repr(name), rule, cure or "Give the name in the state dict.")
                )
            return None
        self.used.add(name)
        if value.dim() not in dims or not value.is_floating_point() or not bool(torch.isfinite(value).all()):
            got = f"'{name}' of shape {tuple(value.shape)}, {value.dtype}"
            rule = f"finite numbers on {' or '.join(map(str, dims))} axes"
            self.problems.append(Problem(place, got, rule, "Name another tensor."))
            return None
        return value.detach().clone()

    def sized(self, place: str, name: str, size: tuple[int, ...], *, needed: bool = True) -> Tensor | None:
        value = self.take(place, name, (len(size),), needed=needed)
        if value is not None and tuple(value.shape) != size:
            got, rule = f"'{name}' of shape {tuple(value.shape)}", f"shape {size}"
            self.problems.append(Problem(place, got, rule, "Name another tensor."))
            return None
        return value


def _plan(layers: Any) -> StateDictPlan:
    if isinstance(layers, StateDictPlan):
        return layers
    if isinstance(layers, str | Path):
        path = Path(layers)
        if not there(path):
            raise ConfigError(
                Problem("layers", f"no file {path}", "a YAML file of layers", "Check the path.")
            )
        try:
            layers = from_yaml(path.read_text("utf-8", errors="surrogateescape"))
        except (OSError, ValueError, yaml.YAMLError) as error:
            got = " ".join(str(error).split())[:160]
            raise ConfigError(Problem(str(path), got, "a YAML file of layers", "Mend it.")) from None
    return StateDictPlan.parse({"layers": layers} if isinstance(layers, list) else layers, "layers")


def _tensors(state: Mapping[str, Any]) -> dict[str, Tensor]:
    inner = next((state[key] for key in _WRAPPERS if isinstance(state.get(key), Mapping)), state)
    return {str(name): value for name, value in inner.items() if isinstance(value, Tensor)}


def _made(layer: LayerEntry, neuron: Any, found: _Finder, place: str) -> nn.Module | None:
    """A layer with its weights; None where something was refused."""
    if (layer.conv is None) == (layer.linear is None):
        rule, cure = "either conv or linear", "Name one of them."
        raise ConfigError(Problem(place, "both" if layer.conv else "neither", rule, cure))
    kind, name = ("conv", layer.conv) if layer.conv is not None else ("linear", layer.linear)
    weight = found.take(f"{place}.{kind}", f"{name}.weight", (4,) if kind == "conv" else (2,))
    if weight is None:
        return None
    bias = found.sized(f"{place}.{kind}", f"{name}.bias", (len(weight),), needed=False)
    base: Any = _conv(weight, bias, layer, place) if kind == "conv" else _linear(weight, bias)
    norm = None if layer.norm is None else _norm(layer.norm, kind, len(weight), found, place)
    plan = layer.neuron if layer.neuron is not None else neuron
    pool = None if layer.pool is None else _pool(layer.pool)
    if plan is None:
        return nn.Sequential(*(part for part in (base, norm, pool) if part is not None))
    fires = registry.make(
        str(plan.get("name")), f"{place}.neuron", **{k: v for k, v in plan.items() if k != "name"}
    )
    if layer.recurrent is not None:
        back = found.sized(f"{place}.recurrent", f"{layer.recurrent}.weight", (len(weight), len(weight)))
        shift = found.sized(f"{place}.recurrent", f"{layer.recurrent}.bias", (len(weight),), needed=False)
        if back is None:
            return None
        fires = Recurrent(len(weight), fires, bias=shift is not None)
        fires.linear = _linear(back, shift)
    if kind == "conv":
        return SpikingBlock(base, norm, fires, pool)
    if pool is not None:
        raise ConfigError(Problem(f"{place}.pool", "a pooling behind a dense layer", "none", "Leave it out."))
    return SpikingDense(base, fires, norm)


def _linear(weight: Tensor, bias: Tensor | None) -> nn.Linear:
    return _loaded(nn.Linear(weight.shape[1], weight.shape[0], bias is not None, device="meta"), weight, bias)


def _conv(weight: Tensor, bias: Tensor | None, layer: LayerEntry, place: str) -> nn.Module:
    outputs, inputs, *kernel = weight.shape
    if outputs % layer.groups:
        rule = f"a divisor of {outputs} channels"
        raise ConfigError(Problem(f"{place}.groups", str(layer.groups), rule, "Take another."))
    made = nn.Conv2d(inputs * layer.groups, outputs, (kernel[0], kernel[1]), layer.stride, layer.padding,
                     layer.dilation, layer.groups, bias is not None, device="meta")  # fmt: skip
    return _loaded(made, weight, bias)


def _loaded(layer: Any, weight: Tensor, bias: Tensor | None) -> Any:
    layer.weight = nn.Parameter(weight)
    if bias is not None:
        layer.bias = nn.Parameter(bias)
    return layer


def _norm(name: str, kind: str, count: int, found: _Finder, place: str) -> nn.Module | None:
    made = (nn.BatchNorm2d if kind == "conv" else nn.BatchNorm1d)(count)
    ends = {"weight": False, "bias": False, "running_mean": True, "running_var": True}
    values = {
        end: found.sized(f"{place}.norm", f"{name}.{end}", (count,), needed=needed)
        for end, needed in ends.items()
    }
    found.used |= {f"{name}.num_batches_tracked"} & set(found.tensors)
    with torch.no_grad():
        for end, value in values.items():
            if value is not None:
                getattr(made, end).copy_(value)
    return made


def _pool(plan: PoolPlan) -> nn.Module:
    return (nn.MaxPool2d if plan.kind == "max" else nn.AvgPool2d)(plan.kernel, plan.stride)


def _joined(parts: dict[str, nn.Module], plan: StateDictPlan) -> ConvertedNetwork:
    """The layers as steps; images become rows before a dense layer."""
    steps, value, images = list[ForwardStep](), 0, True
    for name, part in parts.items():
        dense = plan.layers[int(name)].linear is not None
        ours = isinstance(part, SpikingLayer)
        if dense and images and not (ours and part.flattens):
            steps.append(ForwardStep("function", (value,), (value + 1,), function=Reshape((-1,))))
            value += 1
        how = "block" if ours else "layer"
        steps.append(ForwardStep(how, (value,), (value + 1,), part=name))
        value, images = value + 1, not dense
    network = ConvertedNetwork(parts, steps, value, None)
    network.layouts = ("TB",)
    network.neurons = {
        name: f"parts.{name}.neuron" for name, part in parts.items() if hasattr(part, "neuron")
    }
    return network
