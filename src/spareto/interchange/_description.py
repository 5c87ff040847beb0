"""A whole network of ours as a manifest and tensors, and back: nothing of it is lost.

The manifest says layers, neurons, what feeds what, and how each weight is compressed; tensors are codes,
masks, scales, and plain weights where nothing was compressed. No code is in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import torch
from torch import Tensor, nn

from spareto.compression.copies import copy_of
from spareto.compression.loading import check_loads
from spareto.compression.packing import pack, unpack
from spareto.compression.weight_cache import cache_each_forward
from spareto.converting.functions import OPERATORS, ArgumentSlot, ClassMeans, Function, Permute, Reshape
from spareto.converting.network import ConvertedNetwork
from spareto.converting.steps import ForwardStep, How
from spareto.core.errors import ConfigError, Problem, SparetoError, StoreError
from spareto.interchange import _chains as chains
from spareto.interchange._modules import built, described
from spareto.networks import Network

FORMAT: Final = 1
DESCRIPTION: Final = "description"
"""Where a network's manifest stands in that of a file."""

_HOW: Final[tuple[How, ...]] = ("block", "layer", "neuron", "pair", "function", "vote", "running", "repeat")
_WRONG: Final = (ValueError, KeyError, IndexError, TypeError, AttributeError, RuntimeError, OverflowError)
_WRONG_TOO: Final = (AssertionError, RecursionError, SparetoError, MemoryError)


def manifest_of(network: nn.Module) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """A network as plain data and tensors.

    Args:
        network: A network of `spareto.networks`, a chain of our layers, or a converted one; it may be
            compressed. It is left as it was.

    Raises:
        ConfigError: A layer has no description; names it.
    """
    found = as_steps(copy_of(network)).eval()
    tensors = pack(found, {name: value.detach().cpu() for name, value in found.state_dict().items()})
    manifest = {
        "network_format": FORMAT,
        "parts": {name: described(part, name) for name, part in found.parts.items()},
        "steps": [_step(step) for step in found.steps],
        "output": found.output,
        "timesteps": found.repeats,
        "neurons": found.neurons,
        "layouts": list(found.layouts),
        "compressions": chains.described(found),
        "widths": chains.declared(found),
        "ties": _ties(found),
    }
    kept = {name: value for name, value in chains.readable(tensors, found).items() if value.numel()}
    return manifest, {name: value.contiguous().clone() for name, value in kept.items()}


def network_of(manifest: Mapping[str, Any], tensors: Mapping[str, Tensor], name: str) -> ConvertedNetwork:
    """The network of a manifest and its tensors, in evaluation mode.

    Args:
        manifest: What `manifest_of` gave; a stranger may have written it.
        tensors: Likewise.
        name: Of the file, for messages.

    Raises:
        StoreError: They are no network, or one much larger than the file.
    """
    try:
        if manifest["network_format"] != FORMAT:
            raise ValueError(f"format {str(manifest['network_format'])[:20]}; this version reads {FORMAT}")
        with torch.device("meta"):
            shape = _built(manifest)
        numbers = sum(value.numel() for value in tensors.values())
        wanted = sum(value.numel() for value in (*shape.parameters(), *shape.buffers()))
        if wanted > 2 * numbers + 1024:
            raise ValueError(f"a network of {wanted:,} numbers in a file of {numbers:,}")
        network = _built(manifest)
        chains.attached(network, manifest["compressions"])
        _tie(network, manifest["ties"])
        packed = chains.unreadable(dict(tensors), manifest["compressions"], network)
        state = unpack(network, packed)
        extra = {key: value for key, value in network.state_dict().items() if key.endswith("_extra_state")}
        network.load_state_dict({**extra, **state})
        chains.remember(network, manifest["widths"])
        if manifest["compressions"]:
            cache_each_forward(network)
            check_loads(network)
    except (*_WRONG, *_WRONG_TOO) as error:
        got = " ".join(str(error).split())[:300] or type(error).__name__
        cure = "Write the file again: spareto.export_to(network, ...)."
        raise StoreError(Problem(name, f"a manifest that is no network ({got})", "one", cure)) from None
    return network.eval()


def as_steps(network: nn.Module) -> ConvertedNetwork:
    """A network of ours as steps, with the very same layers.

    Raises:
        ConfigError: It has parts that no step is made of.
    """
    if isinstance(network, ConvertedNetwork):
        return network
    children = dict(network.named_children())
    if isinstance(network, Network):
        odd = [name for name in children if name not in ("features", "readout")]
        if odd:
            rule = "features and readout alone"
            raise ConfigError(Problem(f"'{odd[0]}'", type(children[odd[0]]).__name__, rule))
    elif not isinstance(network, nn.Sequential):
        rule = "a network of spareto.networks, a chain of our layers, or a converted one"
        cure = "Convert it first: spareto.convert(network, sample)."
        raise ConfigError(Problem("network", type(network).__name__, rule, cure))
    parts = dict[str, nn.Module]()
    for name, child in children.items():
        inner = dict(child.named_children()) if type(child) is nn.Sequential else None
        parts |= {name: child} if inner is None else {f"{name}_{key}": part for key, part in inner.items()}
    steps = [ForwardStep("block", (n,), (n + 1,), part=part) for n, part in enumerate(parts)]
    last = len(steps)
    if isinstance(network, Network):
        means = ClassMeans(network.classes)
        steps.append(ForwardStep("vote", (last,), (last + 1,), function="mean"))
        steps.append(ForwardStep("function", (last + 1,), (last + 2,), function=means, time=False))
        last += 2
    found = ConvertedNetwork(parts, steps, last, None)
    found.layouts = ("sample" if isinstance(network, Network) else "TB",)
    return found.train(network.training)


def _step(step: ForwardStep) -> dict[str, Any]:
    return {
        "how": step.how,
        "reads": list(step.reads),
        "writes": list(step.writes),
        "part": step.part,
        "function": _function(step.function),
        "time": step.time,
    }


def _function(function: Any) -> Any:
    if isinstance(function, Reshape):
        return {"reshape": list(function.shape)}
    if isinstance(function, Permute):
        return {"permute": list(function.order)}
    if isinstance(function, ClassMeans):
        return {"class_means": function.classes}
    if isinstance(function, Function):
        args, kwargs = _argument(function.args), _argument(function.kwargs)
        return {"operator": function.name, "args": args, "kwargs": kwargs, "merged": function.merged}
    return function


def _argument(value: Any) -> Any:
    if isinstance(value, ArgumentSlot):
        return {"slot": value.index}
    if isinstance(value, Tensor):
        return {
            "values": value.double().reshape(-1).tolist(),
            "shape": list(value.shape),
            "type": str(value.dtype),
        }
    if isinstance(value, dict):
        return {"named": {key: _argument(item) for key, item in value.items()}}
    if isinstance(value, tuple | list):
        return [_argument(item) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    rule = "an operator on signals and numbers"
    raise ConfigError(Problem("network", f"an operator given {value!r}", rule, "Leave it out."))


def _built(manifest: Mapping[str, Any]) -> ConvertedNetwork:
    """The network with fresh tensors."""
    parts = {str(name): built(said) for name, said in manifest["parts"].items()}
    steps = [_step_of(said, parts) for said in manifest["steps"]]
    given = {0}
    for step in steps:
        if not set(step.reads) <= given or given & set(step.writes):
            raise ValueError("a step that reads what nothing wrote")
        given |= set(step.writes)
    output = manifest["output"]
    _check_output(output, given)
    timesteps = manifest["timesteps"]
    if timesteps is not None and not 0 < int(timesteps) <= 1 << 20:
        raise ValueError(f"{timesteps} timesteps")
    network = ConvertedNetwork(parts, steps, output, timesteps)
    network.neurons = {str(name): str(place) for name, place in manifest["neurons"].items()}
    network.layouts = tuple(str(each) for each in manifest["layouts"])
    return network


def _step_of(said: Any, parts: Mapping[str, nn.Module]) -> ForwardStep:
    how, part = said["how"], said["part"]
    if how not in _HOW or (how in ("block", "layer", "neuron", "pair") and part not in parts):
        raise ValueError(f"a step {str(how)[:40]!r} of '{str(part)[:80]}'")
    reads, writes = (tuple(int(each) for each in said[key]) for key in ("reads", "writes"))
    if not reads or len(writes) != 1 + (how == "pair"):
        raise ValueError(f"a step {how!r} from {len(reads)} to {len(writes)} values")
    return ForwardStep(how, reads, writes, str(part), _function_of(said["function"], how), bool(said["time"]))


def _function_of(said: Any, how: str) -> Any:
    if how == "vote":
        if said not in ("mean", "sum", "max", "amax", "last"):
            raise ValueError(f"a vote by {str(said)[:40]!r}")
        return said
    if how != "function":
        return None
    if "reshape" in said:
        return Reshape(tuple(int(side) for side in said["reshape"]))
    if "permute" in said:
        return Permute(tuple(int(axis) for axis in said["permute"]))
    if "class_means" in said:
        return ClassMeans(int(said["class_means"]))
    name = said["operator"]
    if name.partition(".")[0] not in OPERATORS:
        raise ValueError(f"an operator {str(name)[:40]!r}")
    args, kwargs = _argument_of(said["args"]), _argument_of(said["kwargs"])
    return Function(name, tuple(args), dict(kwargs), bool(said["merged"]))


def _argument_of(said: Any) -> Any:
    if isinstance(said, list):
        return [_argument_of(item) for item in said]
    if not isinstance(said, dict):
        return said
    if "slot" in said:
        return ArgumentSlot(int(said["slot"]))
    if "named" in said:
        return {str(key): _argument_of(item) for key, item in said["named"].items()}
    dtype = getattr(torch, str(said["type"]).removeprefix("torch."))
    return torch.tensor(said["values"], dtype=dtype, device="cpu").reshape(said["shape"])


def _check_output(output: Any, given: set[int]) -> None:
    if isinstance(output, dict | list):
        for item in output.values() if isinstance(output, dict) else output:
            _check_output(item, given)
    elif output is not None and output not in given:
        raise ValueError("an output that nothing wrote")


def _ties(network: nn.Module) -> dict[str, str]:
    """Modules that stand in two places, by their second name."""
    first, ties = dict[int, str](), dict[str, str]()
    for name, module in network.named_modules(remove_duplicate=False):
        owner = first.setdefault(id(module), name)
        if owner != name and not any(name.startswith(f"{tie}.") for tie in ties):
            ties[name] = owner
    shared, weights = dict[int, str](), dict[str, str]()
    for name, parameter in network.named_parameters(remove_duplicate=False):
        owner = shared.setdefault(id(parameter), name)
        if owner != name and not any(name.startswith(f"{tie}.") for tie in ties):
            weights[name] = owner
    if any(".parametrizations." in name for name in (*weights, *ties)):
        rule, cure = "compressed weights of one layer each", "Bake the network first: spareto.bake."
        raise ConfigError(Problem("network", f"'{next(iter((*ties, *weights)))}', shared", rule, cure))
    return ties | weights


def _tie(network: nn.Module, ties: Mapping[str, str]) -> None:
    for name, owner in ties.items():
        place, _, last = name.rpartition(".")
        source, _, end = owner.rpartition(".")
        holder, whole = network.get_submodule(place), network.get_submodule(source)
        if end in whole._parameters:
            holder._parameters[last] = whole._parameters[end]
        else:
            setattr(holder, last, whole.get_submodule(end))
