"""What is easily converted wrong: each is equal, or refused by name with its value and a cure."""

import pytest
import torch
from torch import nn

from conventions import peer
from spareto.converting import convert
from spareto.core.errors import ConfigError

T, B = 6, 4


def frames(*shape, scale=3.0, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 5, (T, B, *shape), generator=generator) / 4 * scale


def chain(*neurons, features=6):
    """Dense layers with these neurons behind them."""
    torch.manual_seed(0)
    layers = [(nn.Linear(features, features), neuron) for neuron in neurons]
    return nn.Sequential(*(part for pair in layers for part in pair))


def message(model, sample=None, **options):
    with pytest.raises(ConfigError) as caught:
        convert(model, frames(6) if sample is None else sample, **options)
    return str(caught.value)


SNN = [
    ("threshold=torch.rand(6)", "'1'.threshold: got 6 values from"),
    ("beta=torch.rand(6)", "'1'.beta: got 6 values from"),
    ("beta=0.9, learn_beta=True", "'1'.beta: got a learned parameter"),
    ("beta=0.9, learn_threshold=True", "'1'.threshold: got a learned parameter"),
    ("beta=0.9, graded_spikes_factor=2.0", "'1'.graded_spikes_factor: got 2.0"),
    ("beta=0.9, state_quant=torch.round", "'1'.state_quant: got"),
    ("beta=0.9, spike_grad=surrogate.SFS()", "'1'.spike_grad: got SFS"),
    ("beta=float('nan')", "'1'.beta: got nan"),
]


@pytest.mark.parametrize(("code", "expected"), SNN)
def test_snntorch_options_without_a_counterpart(code, expected):
    snn = peer("snntorch")
    code = code if "beta" in code else f"beta=0.9, {code}"
    names = {"snn": snn, "torch": torch, "surrogate": peer("snntorch.surrogate")}
    model = chain(eval(f"snn.Leaky({code}, init_hidden=True)", names))
    told = message(model)
    assert expected in told
    assert told.rstrip().endswith(".")
    assert "expected" in told


def test_equal_values_a_neuron_are_one_value():
    snn = peer("snntorch")
    model = chain(snn.Leaky(beta=torch.full((6,), 0.75), threshold=torch.ones(6), init_hidden=True))
    assert convert(model, frames(6)).get_submodule("parts.0.neuron").beta == 0.75


def test_a_decay_outside_of_its_range_is_clamped_as_snntorch_does():
    snn = peer("snntorch")
    assert (
        convert(chain(snn.Leaky(beta=1.5, init_hidden=True)), frames(6)).get_submodule("parts.0.neuron").beta
        == 1
    )


def test_a_reset_that_was_changed_after_the_neuron_was_made():
    snn = peer("snntorch")
    neuron = snn.Leaky(beta=0.9, init_hidden=True)
    neuron.reset_mechanism = "zero"
    assert "'1'.reset_mechanism: got 'zero' with the update of 'subtract'" in message(chain(neuron))


@pytest.mark.parametrize("delay", [True, False])
@pytest.mark.parametrize("reset", ["subtract", "zero", "none"])
@pytest.mark.parametrize("kind", ["Leaky", "Synaptic", "RLeaky", "RSynaptic"])
def test_snntorch_resets_far_above_the_threshold(kind, reset, delay):
    """Potentials of many thresholds: a reset that acts late, twice or not at all shows."""
    snn = peer("snntorch")
    if kind == "RSynaptic" and not delay:
        pytest.skip("snnTorch itself fails: it divides by a factor that is None")
    options = {"beta": 0.75, "reset_mechanism": reset, "reset_delay": delay, "init_hidden": True}
    options |= {"alpha": 0.5} if "Synaptic" in kind else {}
    options |= {"linear_features": 6} if kind[0] == "R" else {}
    model = chain(getattr(snn, kind)(**options))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.round(parameter * 8) / 4)
    notes = convert(model, frames(6, scale=6.0)).notes
    assert "is the original's" in notes[0]


@pytest.mark.parametrize("surrogate", ["arctan", "triangle"])
def test_a_surrogate_can_be_chosen(surrogate):
    snn, functions = peer("snntorch"), peer("snntorch.surrogate")
    neuron = snn.Leaky(beta=0.9, spike_grad=functions.SFS(), init_hidden=True)
    network = convert(chain(neuron), frames(6), surrogate=surrogate)
    assert network.get_submodule("parts.0.neuron").surrogate_name == surrogate


JELLY = [
    ("neuron.KLIFNode()", "'1': got spikingjelly KLIFNode; expected a neuron with a counterpart: IFNode"),
    ("neuron.LIFNode(surrogate_function=surrogate.SoftSign())", "'1'.surrogate_function: got SoftSign"),
    (
        "neuron.IFNode(surrogate_function=surrogate.ATan(spiking=False))",
        "'1'.surrogate_function.spiking: got False",
    ),
]


@pytest.mark.parametrize(("code", "expected"), JELLY)
def test_spikingjelly_options_without_a_counterpart(code, expected):
    base = "spikingjelly.activation_based"
    names = {name: peer(f"{base}.{name}") for name in ("neuron", "surrogate")}
    assert expected in message(chain(eval(code, names)))


SINABS = [
    ("LIF(tau_mem=5.0, min_v_mem=-1.0)", "'1'.min_v_mem: got -1"),
    ("LIF(tau_mem=torch.rand(6) + 2)", "'1'.tau_mem: got 6 values from"),
    (
        "LIF(tau_mem=5.0, spike_fn=SingleSpike, reset_fn=MembraneReset(0.5))",
        "'1'.reset_fn.reset_value: got 0.5",
    ),
    ("LIF(tau_mem=5.0, reset_fn=MembraneReset())", "'1'.reset_fn: got MembraneReset"),
    ("LIF(tau_mem=5.0, reset_fn=MembraneSubtract(0.5))", "'1'.reset_fn.subtract_value: got 0.5"),
    ("IAF(surrogate_grad_fn=PeriodicExponential())", "'1'.surrogate_grad_fn: got PeriodicExponential"),
    ("ExpLeak(tau_mem=5.0)", "'1': got sinabs ExpLeak"),
]


@pytest.mark.parametrize(("code", "expected"), SINABS)
def test_sinabs_options_without_a_counterpart(code, expected):
    names = {**vars(peer("sinabs.layers")), **vars(peer("sinabs.activation")), "torch": torch}
    assert expected in message(chain(eval(code, names)))


NORSE = [
    ("LIFBoxCell(LIFBoxParameters(tau_mem_inv=as_tensor(2000.0)))", "'cell'.p.tau_mem_inv * dt: got 2"),
    ("LIFCell(LIFParameters(v_th=torch.rand(6)))", "'cell'.p.v_th: got 6 values from"),
    ("LIFCell(LIFParameters(method='tanh'))", "'cell'.p.method: got 'tanh'"),
    ("LSNNCell()", "'cell': got norse LSNNCell"),
]


class Cells(nn.Module):
    """Norse's cell in a loop, its state handed on or not."""

    def __init__(self, cell, keeps=True):
        super().__init__()
        torch.manual_seed(0)
        self.fc, self.cell, self.keeps = nn.Linear(6, 6), cell, keeps

    def forward(self, x):
        state, out = None, []
        for now in x:
            spikes, after = self.cell(self.fc(now), state)
            state = after if self.keeps else None
            out.append(spikes)
        return torch.stack(out)


@pytest.mark.parametrize(("code", "expected"), NORSE)
def test_norse_options_without_a_counterpart(code, expected):
    names = {**vars(peer("norse.torch.functional.lif_box")), **vars(peer("norse.torch"))}
    names |= {"torch": torch, "as_tensor": torch.as_tensor}
    assert expected in message(Cells(eval(code, names)))


def test_a_state_that_is_not_handed_on():
    norse = peer("norse.torch")
    told = message(Cells(norse.LIFCell(), keeps=False), time="time-batch")
    assert "'cell': got no state after the first timestep" in told


class Hand(nn.Module):
    """snnTorch with the membranes passed by hand, in a way of its own."""

    def __init__(self, run):
        super().__init__()
        snn = peer("snntorch")
        torch.manual_seed(0)
        self.fc1, self.lif1 = nn.Linear(6, 6), snn.Leaky(beta=0.75)
        self.fc2, self.lif2 = nn.Linear(6, 6), snn.Leaky(beta=0.5)
        self.scale, self.run = nn.Parameter(torch.tensor(1.5)), run

    def forward(self, x):
        mem1, mem2, out = self.lif1.init_leaky(), self.lif2.init_leaky(), []
        for t, now in enumerate(x):
            spikes, mem1, mem2 = self.run(self, t, now, mem1, mem2)
            out.append(spikes)
        return torch.stack(out)


def crossed(net, t, now, mem1, mem2):
    spikes, mem1 = net.lif1(net.fc1(now), mem2 if t else mem1)
    spikes, mem2 = net.lif2(net.fc2(spikes), mem2)
    return spikes, mem1, mem2


def started_high(net, t, now, mem1, mem2):
    spikes, mem1 = net.lif1(net.fc1(now), mem1 if t else torch.ones(B, 6))
    spikes, mem2 = net.lif2(net.fc2(spikes), mem2)
    return spikes, mem1, mem2


def shared(net, t, now, mem1, mem2):
    spikes, mem1 = net.lif1(net.fc1(now), mem1)
    spikes, mem1 = net.lif1(net.fc2(spikes), mem1)
    return spikes, mem1, mem2


def parameter_between(net, t, now, mem1, mem2):
    spikes, mem1 = net.lif1(net.fc1(now) * net.scale, mem1)
    spikes, mem2 = net.lif2(net.fc2(spikes), mem2)
    return spikes, mem1, mem2


def another_layer_later(net, t, now, mem1, mem2):
    spikes, mem1 = net.lif1((net.fc1 if t < 3 else net.fc2)(now), mem1)
    spikes, mem2 = net.lif2(net.fc2(spikes), mem2)
    return spikes, mem1, mem2


def fft(net, t, now, mem1, mem2):
    spikes, mem1 = net.lif1(torch.fft.fft(net.fc1(now)).real, mem1)
    spikes, mem2 = net.lif2(net.fc2(spikes), mem2)
    return spikes, mem1, mem2


WAYS = [
    (crossed, "'lif1': got a state of other neurons; expected its own state"),
    (started_high, "'lif1': got a state at timestep 0; expected zeros"),
    (shared, "'lif1': got"),
    (parameter_between, "got a parameter outside of a layer"),
    (another_layer_later, "'lif1': got other layers in front from timestep 3"),
    (fft, "got the operator _fft_r2c"),
]


@pytest.mark.parametrize(("run", "expected"), WAYS, ids=lambda value: getattr(value, "__name__", ""))
def test_loops_that_cannot_be_followed(run, expected):
    assert expected in message(Hand(run), time="time-batch")


def test_all_that_stands_against_a_conversion_is_told_at_once():
    snn = peer("snntorch")
    model = chain(
        snn.Leaky(beta=0.9, graded_spikes_factor=2.0, init_hidden=True), snn.Alpha(0.9, 0.8, init_hidden=True)
    )
    told = message(model)
    assert "'1'.graded_spikes_factor" in told
    assert "'3': got snntorch Alpha" in told


def test_one_timestep_shows_no_recurrence():
    snn = peer("snntorch")
    assert "sample: got 1 timesteps" in message(
        chain(snn.Leaky(beta=0.9, init_hidden=True)), frames(6)[:1], time="calls"
    )


def test_a_difference_names_layer_timestep_and_element(monkeypatch):
    """A neuron read wrong does not pass."""
    from spareto.converting.neurons import snntorch as reading

    snn = peer("snntorch")
    monkeypatch.setitem(reading._KINDS, "_base_sub", "none")
    monkeypatch.setattr(reading, "_reset", lambda read: "none")
    told = message(chain(snn.Leaky(beta=0.9, init_hidden=True)))
    assert told.startswith("'1', timestep ")
    assert "as the original gives" in told


def test_the_model_is_left_as_it_was():
    snn = peer("snntorch")
    model = chain(snn.Leaky(beta=0.9, init_hidden=True)).train()
    model(frames(6)[0])
    before = {name: value.clone() for name, value in model.state_dict().items()}
    kept = model[1].mem.clone()
    network = convert(model, frames(6))
    assert model.training
    assert network.training
    assert torch.equal(model[1].mem, kept)
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in before.items())
    assert {id(p) for p in model.parameters()}.isdisjoint(id(p) for p in network.parameters())


def leaky(**options):
    return peer("snntorch").Leaky(beta=0.75, init_hidden=True, **options)


def test_weights_that_are_tied_stay_tied():
    model = chain(leaky(), leaky())
    model[0].weight = model[2].weight
    one, two = (part.linear for part in convert(model, frames(6)).parts.values())
    assert one.weight is two.weight
    assert one.weight is not model[0].weight
    assert one.bias is not two.bias


class Called(nn.Module):
    """A layer that is called, and its weight beside it."""

    def __init__(self):
        super().__init__()
        self.linear, self.one, self.two = nn.Linear(6, 6, bias=False), leaky(), leaky()
        self.linear.weight.requires_grad_(False)

    def forward(self, x):
        return self.two(nn.functional.linear(self.one(self.linear(x)), self.linear.weight))


def test_a_weight_read_beside_its_layer_stays_tied_and_frozen():
    one, two = (part.linear for part in convert(Called(), frames(6)).parts.values())
    assert one.weight is two.weight
    assert not one.weight.requires_grad


class Drawn(nn.Module):
    """Draws random numbers in evaluation, in a way that is followed or in one that is not."""

    def __init__(self, how):
        super().__init__()
        self.how, self.linear, self.neuron = how, nn.Linear(6, 6), leaky()

    def forward(self, x):
        currents = self.linear(x)
        if self.how == "dropout":
            return self.neuron(nn.functional.dropout(currents, 0.5, training=True))
        return self.neuron(currents * (1 + self.drawn))

    @property
    def drawn(self):
        return float(torch.rand(()).item() > 0.5) if self.how == "rarely" else torch.rand(6)


def test_a_dropout_that_is_always_on_is_named():
    assert "'network': got a dropout that is on in evaluation" in message(Drawn("dropout"))


def test_a_network_that_answers_otherwise_each_time_is_not_to_be_reported(monkeypatch):
    from spareto.converting import conversion

    model, found = chain(leaky()), iter(range(100))
    whole = conversion.spikes_of

    def another(*given):
        spikes, output = whole(*given)
        return {name: (spike + next(found)) % 2 for name, spike in spikes.items()}, output

    monkeypatch.setattr(conversion, "spikes_of", lambda *given: another(*given))
    next(found)
    told = message(model)
    assert "network: got other spikes the second time that it ran" in told
    assert "report" not in told


def test_a_negative_threshold_says_what_snntorch_does_with_it():
    told = message(chain(leaky(threshold=-0.5)))
    assert "'1'.threshold: got -0.5; expected 0 or more: below it snnTorch resets a potential of 0" in told
    convert(chain(leaky(threshold=-0.5, reset_mechanism="none")), frames(6))


def test_places_of_a_pooling_that_are_read_are_named():
    class Unpooled(nn.Module):
        def __init__(self):
            super().__init__()
            self.pool, self.back = nn.MaxPool1d(2, return_indices=True), nn.MaxUnpool1d(2)
            self.linear, self.neuron = nn.Linear(6, 6), leaky()

        def forward(self, x):
            return self.neuron(self.linear(self.back(*self.pool(x))))

    assert "'back': got MaxUnpool1d of 2 signals" in message(Unpooled())


@pytest.mark.parametrize("layers", [[], [nn.Linear(6, 6), nn.ReLU()]])
def test_a_network_without_neurons_is_told_so(layers):
    assert "network: got no layer of neurons" in message(nn.Sequential(*layers))
