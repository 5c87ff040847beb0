"""Convert live models of frameworks, files and graphs into networks of ours."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from spareto.compression.loading import check_loads
from spareto.compression.weight_cache import cache_each_forward
from spareto.converting import ConvertedNetwork
from spareto.converting import convert as convert_live
from spareto.core.artifacts import there
from spareto.core.errors import ConfigError, Problem
from spareto.interchange._trying import tried
from spareto.interchange.brevitas import is_brevitas, plain
from spareto.interchange.formats import FileFormat, registry
from spareto.interchange.state_dict import network_of as network_of_state
from spareto.interchange.state_dict import read_state
from spareto.running import Layout, Time, samples_of


def convert(
    model: Any,
    sample: Any = None,
    *,
    time: Time | None = None,
    layout: Layout = "time-first",
    surrogate: str | None = None,
    dt: float | None = None,
    reset: str | None = None,
    layers: Any = None,
) -> ConvertedNetwork:
    """A network of Spareto's layers that gives the same spikes, trains with our kernels and deploys.

    A live model is run once on the sample, and followed: which layer feeds which. Its neurons are read and
    put into our words. Then both run on the sample, and every spike of every neuron is compared. The model is
    left as it was, and shares nothing with the new network. A NIR graph is read node by node and compared
    with its own equations, timestep by timestep. A file that `spareto.export_to` wrote comes back exactly.

    Args:
        model: A network of snnTorch, SpikingJelly, Norse or sinabs, with layers of torch or Brevitas; a
            `.nir` file or `nir.NIRGraph`; a `.safetensors` file of `spareto.export_to`; or a state dict, or
            a file of one, with `layers`.
        sample: Some inputs `(time, samples, ...)`; or as `layout` says. Files need none; with one, a NIR
            graph is compared.
        time: How a live network takes time, where it cannot be proven: `calls`, `time-batch`, `batch-time`.
        layout: Of the sample: `time-first`; `batch-first`, `(samples, time, ...)`; or `static`,
            `(samples, ...)`, for a network that makes its own time.
        surrogate: One of our surrogates to train with; left out, the counterpart of each neuron's own.
        dt: Of a NIR graph: how long a timestep is, in the unit of its time constants.
        reset: Of a NIR graph that does not say what a spike does: `zero` or `subtract`.
        layers: Of a state dict: its layers and neurons, as a list, a mapping or a YAML file; see
            `spareto.interchange.StateDictPlan`.

    Returns:
        The network, in the mode of the model; its `notes` say what differs in training.

    Raises:
        ConfigError: A neuron has no counterpart, or the network cannot be followed: all of it is listed, by
            name. Or a spike differs: says which layer, timestep and element.
        DataError: The sample is no array of numbers.
        StoreError: The file is missing or damaged.
    """
    _refuse_idle(model, sample, layers, dt, reset)
    if layers is not None:
        state = model if isinstance(model, Mapping) else read_state(Path(model))
        return tried(network_of_state(state, layers), _time_first(sample, layout))
    source: Any = Path(model) if isinstance(model, str | Path) else model
    found = _format_of(source)
    if found is not None:
        return found.read(source, _time_first(sample, layout), dt=dt, reset=reset, surrogate=surrogate)
    if isinstance(source, nn.Module) and is_brevitas(source):
        network = convert_live(plain(source), sample, time=time, layout=layout, surrogate=surrogate)
        cache_each_forward(network)
        check_loads(network)
        return network
    return convert_live(source, sample, time=time, layout=layout, surrogate=surrogate)


def _refuse_idle(model: Any, sample: Any, layers: Any, dt: float | None, reset: str | None) -> None:
    """Refuse what says nothing about this model, and what is missing.

    Raises:
        ConfigError: Names it.
    """
    suffix = Path(model).suffix if isinstance(model, str | Path) else ""
    told = layers is not None and suffix == ".safetensors"
    state = isinstance(model, Mapping) or suffix in (".pt", ".pth", ".bin") or told
    if state and layers is None:
        rule, cure = "what its layers and neurons are", "Pass layers=: a list, or a YAML file."
        raise ConfigError(Problem("layers", "nothing beside a state dict", rule, cure))
    if layers is not None and not state:
        cure = "Leave it out, or pass a state dict or a .pt file of one."
        raise ConfigError(Problem("layers", "layers", "none beside this model", cure))
    if sample is None and isinstance(model, nn.Module):
        cure = "Pass some inputs (time, samples, ...)."
        raise ConfigError(Problem("sample", "nothing", "inputs that the model is followed on", cure))
    given = [(name, value) for name, value in (("dt", dt), ("reset", reset)) if value is not None]
    if given and (state or isinstance(model, nn.Module)):
        cure = "Leave it out; only NIR graphs need it."
        raise ConfigError(Problem(given[0][0], repr(given[0][1]), "none beside this model", cure))


def _time_first(sample: Any, layout: Layout) -> Any:
    """A sample for a network of a file, `(time, samples, ...)`; None of none.

    Raises:
        ConfigError: The sample has no time.
        DataError: It is no array of numbers.
    """
    if sample is None or layout == "time-first":
        return sample
    if layout == "static":
        cure = "Repeat it over time."
        raise ConfigError(Problem("layout", "'static' beside a file", "a sample with time", cure))
    return samples_of(sample, None, layout=layout).frames.transpose(0, 1)


def _format_of(source: Any) -> FileFormat | None:
    """The format of a file or of an object of its library; None of a live model.

    Raises:
        ConfigError: A file is of no format that is read, or it is not there.
    """
    for name in registry.names():
        made = registry.make(name)
        if made.reads(source):
            return made
    if not isinstance(source, Path):
        return None
    got = "a file of another format" if there(source) else "no such file"
    rule = "a .nir or .safetensors file"
    raise ConfigError(Problem(str(source), got, rule, "Check the path."))
