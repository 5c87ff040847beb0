"""Turn a network of another framework into one of ours that gives the same spikes."""

from __future__ import annotations

from typing import Any, Final

import torch
from torch import Tensor, nn

from spareto.converting.building import BlockBuilder
from spareto.converting.comparing import compared, neuron_names, spikes_of
from spareto.converting.following import Follower
from spareto.converting.graph import Graph
from spareto.converting.network import ConvertedNetwork
from spareto.converting.neurons import NeuronPlan, Reading, plan_of
from spareto.core.errors import ConfigError, Problem
from spareto.frameworks import aside
from spareto.observing.restoring import undisturbed
from spareto.running import Interface, Layout, Runner, Samples, Time, refuse_no_module, samples_of

NO_NEURONS: Final = (
    "Keep modules in an nn.ModuleList, not in a plain list. Neurons written by hand are not converted;"
    " spareto compresses and costs such networks as they are."
)


def convert(
    model: nn.Module,
    sample: Any,
    *,
    time: Time | None = None,
    layout: Layout = "time-first",
    surrogate: str | None = None,
) -> ConvertedNetwork:
    """A network of Spareto's layers that gives the same spikes, trains with our kernels and deploys.

    The network is run once on the sample, and followed: which layer feeds which. Its neurons are read and put
    into our words. Then both run on the sample, and every spike of every neuron is compared. The model is
    left as it was, and shares nothing with the new network.

    Args:
        model: A network of snnTorch, SpikingJelly, Norse or sinabs.
        sample: Some inputs `(time, samples, ...)`; or as `layout` says.
        time: How the network takes time, where it cannot be proven: `calls`, `time-batch` or `batch-time`.
        layout: Of the sample: `time-first`; `batch-first`, `(samples, time, ...)`; or `static`,
            `(samples, ...)`, for a network that makes its own time.
        surrogate: One of our surrogates to train with; left out, the counterpart of each neuron's own.

    Returns:
        The network, in the mode of the model; its `notes` say what differs in training.

    Raises:
        ConfigError: A neuron has no counterpart, or the network cannot be followed: all of it is listed, by
            name. Or a spike differs: says which layer, timestep and element.
        DataError: The sample is no array of numbers.

    Example:
        >>> import torch, snntorch, spareto                                          # doctest: +SKIP
        >>> model = torch.nn.Sequential(torch.nn.Linear(4, 3), snntorch.Leaky(beta=0.5, init_hidden=True))
        >>> spareto.convert(model, torch.rand(8, 2, 4))
    """
    refuse_no_module(model)
    _refuse_other_floats(model)
    samples = samples_of(sample, None, layout=layout)
    names = neuron_names(model)
    if not names:
        rule = "neurons of snnTorch, SpikingJelly, Norse or sinabs among its modules"
        raise ConfigError(Problem("network", "no layer of neurons", rule, NO_NEURONS))
    with undisturbed(model, training=False), torch.no_grad():
        runner = Runner(model, samples, Interface(time=time))
        frames = _few(samples, runner)
        plans, readings = _plans(model, names, surrogate)
        graph = _followed(model, runner, frames, plans, readings)
        network = BlockBuilder(graph, plans).build().eval()
        reference = next(model.parameters(), None)
        network = network if reference is None else network.to(reference.device, reference.dtype)
        network.notes = _checked(model, network, runner, graph, samples.frames, frames)
    network.notes += _notes(graph, plans)
    return network.train(model.training)


def _notes(graph: Graph, plans: dict[str, NeuronPlan]) -> tuple[str, ...]:
    """What a reader should know of the layers."""
    notes = [note for calls in graph.neurons for note in plans[calls.name].notes]
    if graph.by_step:
        names = ", ".join(f"'{name}'" for name in graph.by_step)
        notes.append(f"In training, {names} normalize over all timesteps together, not one by one.")
    notes += [f"'{name}' reaches no output and is left out." for name in graph.unread]
    if graph.constants:
        places = ", ".join(graph.constants)
        notes.append(f"Constants are not computed: {places} of the original is None here.")
    computes = "computes its weights; here they are trained themselves, as they were computed once."
    return (*notes, *(f"'{name}' {computes}" for name in graph.computed))


def _refuse_other_floats(model: nn.Module) -> None:
    """Ours compute in single precision; spikes of another precision are others."""
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        if tensor.is_floating_point() and tensor.dtype is not torch.float32 and tensor.dim():
            got, rule = f"numbers of {tensor.dtype}", "torch.float32"
            raise ConfigError(Problem(f"'{name}'", got, rule, "Convert model.float()."))


def _few(samples: Samples, runner: Runner) -> Tensor:
    """Samples whose number is no other size of the run, so that every axis shows what it is."""
    steps = runner.timesteps or 0
    if runner.feed.name != "sample" and steps < 2:
        rule = "at least 2, so that what comes back from the timestep before can be seen"
        raise ConfigError(Problem("sample", f"{steps} timesteps", rule, "Give it more timesteps."))
    taken = {steps, *samples.frames.shape}
    count = next(number for number in range(2, 99) if number not in taken)
    return samples.chosen([number % samples.count for number in range(count)])


def _plans(
    model: nn.Module, names: list[str], surrogate: str | None
) -> tuple[dict[str, NeuronPlan], dict[str, Reading]]:
    beside = aside(model)
    plans, readings = dict[str, NeuronPlan](), dict[str, Reading]()
    for name in names:
        module = model.get_submodule(name)
        if module in beside:
            continue
        plan, readings[name] = plan_of(f"'{name}'", module, surrogate)
        plans[name] = NeuronPlan("lif", {}) if plan is None else plan
    return plans, readings


def _followed(
    model: nn.Module,
    runner: Runner,
    frames: Tensor,
    plans: dict[str, NeuronPlan],
    readings: dict[str, Reading],
) -> Graph:
    """The graph; refuses what cannot be followed and the neurons that ran and have no counterpart."""
    static = runner.feed.name == "sample"
    count = frames.shape[runner.samples.axis]
    follower = Follower(model, plans, runner.feed, None if static else runner.timesteps, count)
    runner.reset()
    problems, graph = list[Problem](), None
    try:
        graph = follower.run(runner.prepare(frames), runner.call)
    except ConfigError as error:
        problems += error.problems
    finally:
        runner.reset()
    ran = [calls.name for calls in follower.neurons.values()]
    problems = [problem for name in ran for problem in readings[name].problems] + problems
    if problems or graph is None:
        raise ConfigError(problems)
    return graph


def _checked(
    model: nn.Module,
    network: ConvertedNetwork,
    runner: Runner,
    graph: Graph,
    everything: Tensor,
    few: Tensor,
) -> tuple[str, ...]:
    """Compare both on the whole sample; on the few copies of it where it holds a single one."""
    frames = everything if everything.shape[runner.samples.axis] > 1 else few
    runner.reset()
    names = [calls.name for calls in graph.neurons]
    count = frames.shape[runner.samples.axis]

    def run() -> tuple[dict[str, Tensor], Any]:
        made = spikes_of(model, names, lambda: runner.call(runner.prepare(frames)), count)
        runner.reset()
        return made

    theirs, output = run()
    handed = isinstance(output, tuple) and not isinstance(network.output, list)
    output = output[0] if handed else output
    try:
        return compared(network, graph, time_first(runner, frames), theirs, output)
    except ConfigError:
        again = run()[0]
        if any(not torch.equal(spikes, again[name]) for name, spikes in theirs.items()):
            got, cure = (
                "other spikes the second time that it ran",
                "Let it draw no random numbers in evaluation.",
            )
            raise ConfigError(Problem("network", got, "the same spikes each time", cure)) from None
        raise


def time_first(runner: Runner, frames: Tensor) -> Tensor:
    """Frames as a converted network takes them."""
    ready = frames.to(runner.device, runner.dtype)
    if runner.feed.name == "sample" or runner.samples.layout == "time-first":
        return ready
    return ready.transpose(0, 1)
