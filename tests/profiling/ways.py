"""How each framework runs its networks through time; frameworks are imported when a way is made."""

from __future__ import annotations

from types import SimpleNamespace

import torch
from torch import nn

THRESHOLD = 0.6


class Spike(torch.autograd.Function):
    """1 above 0, with a gradient near it."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return (x > 0).to(x.dtype)

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return gradient / (1 + 4 * x.abs()) ** 2


class Way:
    """One way to run through time.

    Attributes:
        form: What a layer is given: `step`, `TB`, `BT` or `B*T`; see `Book.note`.
        outer: Whether the network is called once a timestep from outside.
        batch_first: Whether the network takes `(batch, time, ...)`.
        without: Architectures that cannot be written so.
    """

    form, outer, batch_first, without = "step", False, False, ()

    def __deepcopy__(self, memo):
        return self

    def neuron(self, features):
        """Neurons for so many features."""
        raise NotImplementedError

    def fire(self, net, name, x):
        """What neurons emit."""
        return net.neurons[name](x)

    def over(self, net, module, x):
        """A layer, a pool or a flattening over what the form holds."""
        return module(x)

    def wrapped(self, module):
        """A module as the framework wants it."""
        return module

    def run(self, net, frames):
        """All timesteps."""
        return net.step(frames)

    def start(self, net, frames):
        """Before the first timestep."""

    def recurrent(self, net, name, x, layer):
        """Neurons with a layer from their last spikes to their input: written out, step by step."""
        last = net.last.get(name)
        last = torch.zeros_like(x) if last is None else last
        net.last[name] = net.fire(name, x + net.layer(layer, last))
        return net.last[name]

    def build_recurrent(self, net, name, features, layer):
        """Parts of `recurrent`."""
        net.layers[layer] = nn.Linear(features, features)
        net.neurons[name] = self.neuron(features)


class Looped(Way):
    """A Python loop over timesteps inside of `forward`."""

    def run(self, net, frames):
        steps = frames.unbind(1 if self.batch_first else 0)
        self.start(net, frames)
        outputs = [net.step(step) for step in steps]
        net.states.clear()
        net.last.clear()
        return torch.stack(outputs)


class Called(Way):
    """One timestep a call; the caller loops."""

    outer = True


class ByHand(Looped):
    """Neurons written out in `forward`."""

    def __init__(self, batch_first=False):
        self.batch_first = batch_first

    def neuron(self, features):
        return nn.Identity()

    def fire(self, net, name, x):
        membrane = 0.8 * net.states.get(name, torch.zeros_like(x)) + x
        spikes = Spike.apply(membrane - THRESHOLD)
        net.states[name] = membrane - spikes * THRESHOLD
        return spikes


class SnnTorchLoop(Looped):
    """Membranes passed by hand."""

    def __init__(self, batch_first=False):
        import snntorch

        self.snn, self.batch_first = snntorch, batch_first

    def neuron(self, features):
        return self.snn.Leaky(beta=0.8, threshold=THRESHOLD)

    def fire(self, net, name, x):
        neuron = net.neurons[name]
        spikes, net.states[name] = neuron(x, net.states.get(name, neuron.init_leaky()))
        return spikes


class SnnTorchHidden(Called):
    """`init_hidden`: the neurons keep their membranes, the caller loops."""

    def __init__(self):
        import snntorch

        self.snn = snntorch

    def neuron(self, features):
        return self.snn.Leaky(beta=0.8, threshold=THRESHOLD, init_hidden=True)

    def build_recurrent(self, net, name, features, layer):
        net.neurons[name] = self.snn.RLeaky(
            beta=0.8, threshold=THRESHOLD, linear_features=features, init_hidden=True
        )

    def recurrent(self, net, name, x, layer):
        return net.fire(name, x)


class SnnTorchHiddenLoop(SnnTorchHidden, Looped):
    """`init_hidden`, with the loop and the reset inside of `forward`."""

    outer = False

    def start(self, net, frames):
        from snntorch import utils

        utils.reset(net)


class SnnTorchState(Way):
    """`StateLeaky` takes `(time, batch, channels)`."""

    form, without = "TB", ("recurrent",)

    def __init__(self):
        import snntorch

        self.snn = snntorch

    def neuron(self, features):
        return self.snn.StateLeaky(beta=0.8, channels=features, output=True)

    def fire(self, net, name, x):
        spikes, _ = net.neurons[name](x.flatten(2))
        return spikes.unflatten(2, x.shape[2:])

    def emitted(self, x):
        return x.flatten(2)

    def over(self, net, module, x):
        return (
            module(x) if isinstance(module, nn.Linear) else module(x.flatten(0, 1)).unflatten(0, x.shape[:2])
        )


class JellySingle(Called):
    """Single-step mode; the caller loops and resets."""

    def __init__(self):
        from spikingjelly.activation_based import layer, neuron

        self.lib = SimpleNamespace(layer=layer, neuron=neuron)

    def neuron(self, features):
        return self.lib.neuron.LIFNode(tau=2.0, v_threshold=THRESHOLD, step_mode=self._mode)

    _mode = "s"

    def build_recurrent(self, net, name, features, layer):
        inner = self.lib.neuron.LIFNode(tau=2.0, v_threshold=THRESHOLD)
        net.neurons[name] = self.lib.layer.LinearRecurrentContainer(
            inner, features, features, step_mode=self._mode
        )

    def recurrent(self, net, name, x, layer):
        net.note(f"{name}.x", x)
        return net.fire(name, x)


class JellySingleLoop(JellySingle, Looped):
    """Single-step mode with the loop inside of `forward`."""

    outer = False

    build_recurrent, recurrent = Way.build_recurrent, Way.recurrent


class JellyMulti(JellySingle, Way):
    """Multi-step mode: the library's layers in mode `m`."""

    form, outer, _mode = "TB", False, "m"

    def wrapped(self, module):
        layer = self.lib.layer
        made = {
            nn.Conv2d: lambda: layer.Conv2d(
                module.in_channels,
                module.out_channels,
                module.kernel_size,
                padding=module.padding,
                step_mode="m",
            ),
            nn.Linear: lambda: layer.Linear(
                module.in_features, module.out_features, bias=module.bias is not None, step_mode="m"
            ),
            nn.AvgPool2d: lambda: layer.AvgPool2d(module.kernel_size, step_mode="m"),
            nn.MaxPool2d: lambda: layer.MaxPool2d(module.kernel_size, step_mode="m"),
            nn.Flatten: lambda: layer.Flatten(step_mode="m"),
        }[type(module)]()
        made.load_state_dict(module.state_dict())
        return made


class JellyContainer(JellyMulti):
    """Multi-step neurons, torch's layers inside of `seq_to_ann_forward`."""

    def wrapped(self, module):
        return module

    def over(self, net, module, x):
        from spikingjelly.activation_based import functional

        return functional.seq_to_ann_forward(x, module)


class NorseLoop(Looped):
    """Cells in a loop, states passed by hand."""

    def __init__(self, batch_first=False):
        import norse.torch as norse

        self.norse, self.batch_first = norse, batch_first
        self.parameters = norse.LIFParameters(v_th=torch.as_tensor(THRESHOLD / 4))

    def neuron(self, features):
        return self.norse.LIFCell(p=self.parameters)

    def fire(self, net, name, x):
        spikes, net.states[name] = net.neurons[name](x, net.states.get(name))
        return spikes

    def build_recurrent(self, net, name, features, layer):
        net.neurons[name] = self.norse.LIFRecurrentCell(features, features, p=self.parameters)

    def recurrent(self, net, name, x, layer):
        net.note(f"{name}.x", x)
        return net.fire(name, x)


class NorseLifted(Way):
    """Modules over all timesteps; layers are lifted."""

    form = "TB"

    def __init__(self):
        import norse.torch as norse

        self.norse = norse
        self.parameters = norse.LIFParameters(v_th=torch.as_tensor(THRESHOLD / 4))

    def neuron(self, features):
        return self.norse.LIF(p=self.parameters)

    def fire(self, net, name, x):
        spikes, _ = net.neurons[name](x)
        return spikes

    def wrapped(self, module):
        return module

    def over(self, net, module, x):
        return self.norse.Lift(module)(x)

    def build_recurrent(self, net, name, features, layer):
        net.neurons[name] = self.norse.LIFRecurrent(features, features, p=self.parameters)

    def recurrent(self, net, name, x, layer):
        net.note(f"{name}.x", x)
        return net.fire(name, x)


class SinabsPlain(Way):
    """`(batch, time, ...)`."""

    form, batch_first = "BT", True

    def __init__(self):
        import sinabs.layers as layers
        from sinabs.activation import SingleSpike

        self.layers, self.options = (
            layers,
            {"tau_mem": 5.0, "spike_threshold": torch.as_tensor(THRESHOLD / 4)},
        )
        self.single = SingleSpike

    def neuron(self, features):
        return self.layers.LIF(**self.options)

    def over(self, net, module, x):
        return (
            module(x) if isinstance(module, nn.Linear) else module(x.flatten(0, 1)).unflatten(0, x.shape[:2])
        )

    def build_recurrent(self, net, name, features, layer):
        rec = nn.Linear(features, features)
        net.neurons[name] = self.layers.LIFRecurrent(rec_connect=rec, **self.options)

    def recurrent(self, net, name, x, layer):
        return net.fire(name, x)


class SinabsSqueeze(SinabsPlain):
    """Batch and time merged."""

    form = "B*T"

    def __init__(self, steps):
        super().__init__()
        self.steps = steps

    def neuron(self, features):
        return self.layers.LIFSqueeze(num_timesteps=self.steps, batch_size=-1, **self.options)

    def over(self, net, module, x):
        return module(x)

    def fire(self, net, name, x):
        neurons = net.neurons[name]
        if isinstance(neurons, self.layers.LIFSqueeze):
            return neurons(x)
        return neurons(x.unflatten(0, (-1, self.steps))).flatten(0, 1)


def ways(steps):
    """Every way, by framework and name."""
    return {
        ("torch", "loop by hand"): ByHand,
        ("torch", "loop by hand, batch first"): lambda: ByHand(batch_first=True),
        ("snnTorch", "loop"): SnnTorchLoop,
        ("snnTorch", "loop, batch first"): lambda: SnnTorchLoop(batch_first=True),
        ("snnTorch", "called a timestep"): SnnTorchHidden,
        ("snnTorch", "loop, states kept"): SnnTorchHiddenLoop,
        ("snnTorch", "all timesteps"): SnnTorchState,
        ("SpikingJelly", "single-step, called a timestep"): JellySingle,
        ("SpikingJelly", "single-step, loop"): JellySingleLoop,
        ("SpikingJelly", "multi-step"): JellyMulti,
        ("SpikingJelly", "multi-step, torch layers"): JellyContainer,
        ("Norse", "cells in a loop"): NorseLoop,
        ("Norse", "cells in a loop, batch first"): lambda: NorseLoop(batch_first=True),
        ("Norse", "all timesteps, lifted"): NorseLifted,
        ("sinabs", "batch and time"): SinabsPlain,
        ("sinabs", "squeezed"): lambda: SinabsSqueeze(steps),
    }
