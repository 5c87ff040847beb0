"""Run the test split once; count what the hardware side needs: the last moment torch is touched."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from spareto.core.arguments import whole
from spareto.core.bounds import MOST_COUNTED
from spareto.core.errors import Problem, UnsupportedLayer
from spareto.frameworks import time_of
from spareto.kernels import reference
from spareto.observing.products import UnknownProductError
from spareto.observing.restoring import uncollected, undisturbed
from spareto.observing.watching import watching
from spareto.profiling.charging import CountingPlan
from spareto.profiling.counters import LayerCounter
from spareto.profiling.counting import Counts, counting
from spareto.profiling.fused import FusedLayer, fused_layers
from spareto.profiling.invariants import check_invariants
from spareto.profiling.kinds import free_layers
from spareto.profiling.layers import StorageWidths, layer_record, neurons_record, product_record
from spareto.profiling.named_neurons import NamedNeurons
from spareto.profiling.plan import make_plan
from spareto.profiling.tracer import Trace, Tracer
from spareto.profiling.uses import Runs
from spareto.profiling.widths import WeightBits, stored_as
from spareto.profiling.witness import Witness
from spareto.records import Layer, Product, Workload
from spareto.running import Interface, Runner, Samples, check_label, refuse_no_module, samples_of
from spareto.running.arrays import is_data_set, read
from spareto.running.interface import interface_of

LOOKED_AT = 64  # samples among which two lively ones are chosen for the trace


@dataclass(frozen=True)
class Profile:
    """What one pass over a split told.

    Args:
        accuracy: Share of samples classified correctly, 0..1; None without labels.
        workload: What the hardware side may know about the network.
    """

    accuracy: float | None
    workload: Workload


def profile(
    network: nn.Module,
    frames: Any,
    labels: Any = None,
    *,
    time: str | None = None,
    output: int | str | None = None,
    vote: str | None = None,
    reset: str | Callable[[nn.Module], object] | None = None,
    interface: Interface | None = None,
    layout: str | None = None,
    neurons: Mapping[str, str] | None = None,
    weight_bits: WeightBits = None,
    network_name: str = "network",
    dataset: str = "data",
    batch_size: int = 64,
    widths: StorageWidths = StorageWidths(),  # noqa: B008 - frozen
    witness: Witness | None = None,
) -> Profile:
    """Accuracy and workload of a network of any framework, from one pass in evaluation mode.

    Counts are taken where weights are multiplied and at the neurons behind, whatever stands between. The
    network is afterwards what it was, its kept states too.

    Args:
        network: Any spiking network.
        frames: `(time, samples, ...)`, `(samples, time, ...)` or `(samples, ...)`, or a data set of torch.
        labels: Shape `(samples,)`; without them there is no accuracy.
        time: How layers see time, where it cannot be proven: `calls`, `time-batch` or `batch-time`.
        output: Item or key of the output that is the answer.
        vote: How an answer over time becomes one: `mean`, `sum`, `last` or `max`.
        reset: What puts kept states back; left out, those of known frameworks are.
        interface: The four above as one declaration.
        layout: Of the frames, where their shape does not say it: `time-first`, `batch-first` or `static`.
        neurons: Kinds of neurons by the name of a module, or of the layer before them.
        weight_bits: Width of stored weights the network does not say; one for all, or by a layer's name.
        network_name: Name the workload carries.
        dataset: Name the workload carries.
        batch_size: Samples a forward pass, at most; does not change the counts.
        widths: Bits of analog inputs and neuron states.
        witness: Is shown answers and spikes, for those who want more than counts.

    Raises:
        DataError: Frames and labels do not fit together.
        ConfigError: What cannot be counted, or where time cannot be proven to lie; all are listed.
    """
    declared = interface_of(interface, time=time, output=output, vote=vote, reset=reset)
    _refuse_unfit(network, batch_size)
    samples = _samples(network, frames, labels, layout)
    named = NamedNeurons(network, {} if neurons is None else neurons)
    with undisturbed(network, training=False), torch.inference_mode(), parametrize.cached(), reference():
        runner = Runner(network, samples, declared)
        plan, trace, fused = _planned(network, runner, samples, declared, named)
        correct, counts = _count(network, runner, samples, plan, named, batch_size, witness, fused)
        found = _records(network, counts, plan, named, weight_bits, widths)
        found |= {"free": free_layers(network, plan, trace), "notes": (*runner.notes, *named.notes(plan))}
    found |= {"network": network_name, "dataset": dataset, "samples": samples.count}
    workload = Workload(**found, timesteps=plan.steps)
    check_invariants(workload)
    return Profile(None if samples.labels is None else correct / samples.count, workload)


def _refuse_unfit(network: nn.Module, batch_size: int) -> None:
    refuse_no_module(network)
    whole(batch_size, "batch_size", 1, MOST_COUNTED)


@uncollected()
def _planned(
    network: nn.Module, runner: Runner, samples: Samples, interface: Interface, named: NamedNeurons
) -> tuple[CountingPlan, Trace, Mapping[object, FusedLayer]]:
    if samples.labels is not None:
        runner.check_answer()
    first, second = _lively(samples)
    one = _trace(network, runner, samples.chosen([first]), named)
    both = _both(samples, first, second)
    two = _trace(network, runner, both, named)
    more = partial(_longer, network, runner, samples, first, named)
    plan = make_plan(Runs(one, two, more, interface.time), runner.timesteps)
    return plan, two, _fused(network, runner, both, plan, two, named)


def _longer(
    network: nn.Module, runner: Runner, samples: Samples, first: int, named: NamedNeurons
) -> Trace | None:
    """A run on a sample whose last timestep comes twice; None where the network takes no other number."""
    if runner.timesteps is None:
        return None
    axis = 0 if samples.layout == "time-first" else 1
    batch = samples.chosen([first])
    batch = torch.cat([batch, batch.narrow(axis, batch.shape[axis] - 1, 1)], axis)
    longer = copy.copy(runner)
    longer.timesteps = runner.timesteps + 1
    try:
        return _trace(network, longer, batch, named)
    except Exception:  # whatever a network says that was built for so many timesteps
        return None


def _trace(network: nn.Module, runner: Runner, batch: Tensor, named: NamedNeurons) -> Trace:
    runner.reset()
    arguments, tracer = runner.prepare(batch), Tracer(network, named.facts)
    with watching(network, tracer, named.opaque):
        try:
            runner.call(arguments)
        except UnknownProductError as error:
            rule = "a product that the profiler can count"
            cure = "It would be costed as nothing. Write it with dense layers, convolutions or matmul."
            raise UnsupportedLayer(Problem("network", str(error), rule, cure)) from None
    tracer.trace.dispatched = tracer.dispatched
    return tracer.trace


def _fused(
    network: nn.Module, runner: Runner, two: Tensor, plan: CountingPlan, trace: Trace, named: NamedNeurons
) -> Mapping[object, FusedLayer]:
    """Layers that run fused while they are counted; none where the network cannot take what those give."""
    found = fused_layers(plan, trace)
    if not found:
        return found
    try:
        with counting(network, plan, named.facts, named.opaque, fused=found) as counts:
            with counts.aside():
                runner.reset()
                arguments = runner.prepare(two)
            runner.call(arguments)
            counts.end_batch()
    except Exception:  # whatever a network says that reads spikes as a tensor
        return {}
    return found


def _count(
    network: nn.Module,
    runner: Runner,
    samples: Samples,
    plan: CountingPlan,
    named: NamedNeurons,
    batch_size: int,
    witness: Witness | None,
    fused: Mapping[object, FusedLayer],
) -> tuple[int, Counts]:
    correct, states = 0, witness is not None
    with counting(network, plan, named.facts, named.opaque, states=states, fused=fused) as counts:
        for place in samples.places(batch_size):
            first, last = place.start, place.stop
            with counts.aside():
                runner.reset()
                arguments = runner.prepare(samples.batch(first, last))
            raw = runner.call(arguments)
            with counts.aside():
                if witness is not None:
                    counts.show(witness, first)
                counts.end_batch()
                if samples.labels is not None:
                    answer = runner.answer(raw, last - first).cpu()
                    check_label(int(samples.labels.max()), answer.shape[1])
                    correct += int((answer.argmax(1) == torch.from_numpy(samples.labels[first:last])).sum())
                    if witness is not None:
                        witness.see_answers(answer)
    if witness is not None and samples.labels is not None:
        witness.see_decisions(runner)
    return correct, counts


def _records(
    network: nn.Module,
    counts: Counts,
    plan: CountingPlan,
    named: NamedNeurons,
    weight_bits: WeightBits,
    widths: StorageWidths,
) -> dict[str, Any]:
    stored = stored_as(network, plan, weight_bits)
    layers, products = list[tuple[int, Layer]](), list[Product]()
    for counter in counts.products:
        group = counter.planned.neurons
        behind = None if group is None else counts.neurons[group]
        kinds = named.kinds(counter.planned.use.name)
        if isinstance(counter, LayerCounter):
            layer = layer_record(counter, behind, stored[counter.planned.use.name], widths, kinds)
            layers.append((counter.planned.use.first.operation, layer))
        else:
            products.append(product_record(counter, behind, widths, kinds))
    for group in plan.alone:
        counter = counts.neurons[group]
        alone = neurons_record(counter, widths, named.kinds(counter.use.first.module))
        layers.append((counter.use.first.operation, alone))
    ordered = [layer for _, layer in sorted(layers, key=lambda entry: entry[0])]
    return {"layers": tuple(ordered), "products": tuple(products)}


def _samples(network: nn.Module, frames: Any, labels: Any, layout: Any) -> Samples:
    if labels is None and is_data_set(frames):
        return read(frames, None, layout, "frames", "labels")
    return samples_of(frames, labels, layout=layout, time_first=time_of(network) == "time-batch")


def _lively(samples: Samples) -> tuple[int, int]:
    """Two samples that differ, with as much in them as can be had cheaply."""
    count = next(samples.places(LOOKED_AT)).stop
    frames = samples.batch(0, count).movedim(samples.axis, 0).flatten(1)
    order = (frames != 0).sum(1).argsort(descending=True, stable=True).tolist()
    first = order[0]
    second = next((each for each in order[1:] if not torch.equal(frames[each], frames[first])), first)
    return first, second


def _both(samples: Samples, first: int, second: int) -> Tensor:
    """The two samples; of a single one, it and a changed copy."""
    if first != second:
        return samples.chosen([first, second])
    one = samples.chosen([first])
    return torch.cat([one, one.roll(1, -1)], samples.axis)
