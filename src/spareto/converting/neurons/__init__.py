"""Neurons of other frameworks in our words: one file per framework; none is imported."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, Final

import torch
from torch import nn

from spareto.converting.neurons._reading import NeuronPlan as NeuronPlan
from spareto.converting.neurons._reading import Reading as Reading
from spareto.converting.neurons._reading import connections
from spareto.converting.neurons._undelayed import Undelayed
from spareto.neurons import SpikingNeuron, registry
from spareto.neurons.multi_spike import MultiSpike
from spareto.neurons.recurrent import Recurrent

FRAMEWORKS: Final = ("snntorch", "spikingjelly", "norse", "sinabs")
ANY: Final = "a neuron of snnTorch, SpikingJelly, Norse or sinabs"
CURE: Final = "Use one of those, or keep the network as it is: spareto compresses and costs it all the same."


def plan_of(place: str, module: nn.Module, surrogate: str | None = None) -> tuple[NeuronPlan | None, Reading]:
    """A neuron in our words, and what stands against it.

    Args:
        place: What the neuron is called in messages.
        module: A neuron of a known framework.
        surrogate: One of our surrogates to train with.
    """
    read = Reading(place, module, surrogate)
    package, name = type(module).__module__.partition(".")[0], type(module).__name__
    if name == "LinearRecurrentContainer" and package == "spikingjelly":
        return _container(read)
    known = _table(package)
    if name not in known:
        rule = f"a neuron with a counterpart: {', '.join(known)}" if known else ANY
        cure = "It is of Spareto's layers already." if package == "spareto" else CURE
        read.refuse("", f"{package} {name}", rule, cure)
        return None, read
    return known[name](read), read


def _table(package: str) -> dict[str, Callable[[Reading], NeuronPlan]]:
    if package not in FRAMEWORKS:
        return {}
    return importlib.import_module(f"spareto.converting.neurons.{package}").NEURONS


def _container(read: Reading) -> tuple[NeuronPlan | None, Reading]:
    plan, inner = plan_of(f"{read.place}.sub_module", read.module.sub_module, read.surrogate)
    read.problems += inner.problems
    around = importlib.import_module("spareto.converting.neurons.spikingjelly").container
    return (None if plan is None else around(read, plan)), read


def made(plan: NeuronPlan, like: torch.Tensor | None = None) -> SpikingNeuron:
    """Our neuron of a plan, its learned values set; recurrent where spikes come back.

    Raises:
        ConfigError: Our neuron refuses an option.
    """
    neuron: Any
    if plan.most is not None:
        neuron = MultiSpike(plan.name, plan.most or None, **plan.options)
    else:
        neuron = registry.make(plan.name, **plan.options)
        neuron = Undelayed(neuron) if plan.undelayed else neuron
    with torch.no_grad():
        for name, value in plan.tensors.items():
            getattr(neuron, name).copy_(value)
    if like is not None:
        neuron = neuron.to(like)
    if plan.feedback is None:
        return neuron
    feedback = plan.feedback
    if plan.late and feedback.bias is not None:
        feedback = connections(feedback.weight.detach())
    recurrent = Recurrent(feedback.out_features, neuron, feedback.bias is not None)
    recurrent.linear = feedback
    return recurrent
