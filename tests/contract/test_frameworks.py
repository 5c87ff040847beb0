"""Every class of the four frameworks is known or refused by name; resets leave nothing behind."""

import numpy as np
import pytest
import torch
from torch import nn

from spareto.frameworks import (
    NeuronFacts,
    free_reason,
    hands_state,
    is_layer,
    keeps_state,
    neuron_facts,
    refused_reason,
    reset_state,
    state_names,
)
from spareto.neurons import registry as neurons
from spareto.testing import frameworks as laws

snn = pytest.importorskip("snntorch")
sinabs = pytest.importorskip("sinabs.layers")
norse = pytest.importorskip("norse.torch")
sj = pytest.importorskip("spikingjelly.activation_based.neuron")

from norse.torch.module import lif_box  # noqa: E402
from sinabs.activation import MaxSpike, SingleSpike  # noqa: E402
from snntorch.functional import quant  # noqa: E402
from spikingjelly.activation_based import layer, rnn, surrogate  # noqa: E402
from spikingjelly.activation_based.neuron import few_spike  # noqa: E402

LEFT_OUT = {
    "snntorch": (),
    # its scripts train when they are imported
    "spikingjelly": (
        "spikingjelly.activation_based.examples",
        "spikingjelly.activation_based.ann2snn.examples",
    ),
    "norse": (
        "norse.task",
        "norse.benchmark",
        "norse.torch.utils.test",
        "norse.torch.functional.test",
        "norse.torch.module.test",
    ),
    "sinabs": ("sinabs.backend",),  # fetches a chip's library when it is imported
}


@pytest.mark.parametrize("package", LEFT_OUT)
def test_every_class_is_known_or_refused(package):
    laws.check_all_known(package, LEFT_OUT[package])


@pytest.mark.parametrize("package", LEFT_OUT)
def test_every_named_class_is_there(package):
    laws.check_rows_exist(package, LEFT_OUT[package])


def test_no_kind_has_two_updates():
    laws.check_kinds_are_apart()


def step(kind, states=1, **others):
    return {"kind": kind, "states": states, "axes": "one step", **others}


def sequence(kind, states=1, **others):
    return {"kind": kind, "states": states, "axes": "time-batch", **others}


def samples_first(kind, states=1, **others):
    return {"kind": kind, "states": states, "axes": "batch-time", "counts": True, **others}


SNNTORCH = [
    (lambda: snn.Leaky(beta=0.9), step("lif")),
    (lambda: snn.Leaky(beta=1.0), step("iaf")),
    (lambda: snn.Leaky(beta=1.0, learn_beta=True), step("lif")),
    (lambda: snn.Leaky(beta=torch.tensor([1.0, 0.9])), step("lif")),
    (lambda: snn.Leaky(beta=0.9, state_quant=quant.state_quant(num_bits=4)), step("lif", state_bits=4)),
    (lambda: snn.Leaky(beta=0.9, graded_spikes_factor=2.0), step("lif", counts=True)),
    (lambda: snn.Lapicque(beta=0.9), step("lif")),
    (lambda: snn.Synaptic(alpha=0.9, beta=0.8), step("synaptic", 2)),
    (lambda: snn.Alpha(alpha=0.9, beta=0.8), step("alpha", 3)),
    (lambda: snn.DeltaLeaky(beta=0.9), step("delta")),
    (lambda: snn.RLeaky(beta=0.9, linear_features=3), step("lif", products=True)),
    (lambda: snn.RLeaky(beta=0.9, conv2d_channels=2, kernel_size=3), step("lif", products=True)),
    (lambda: snn.RLeaky(beta=0.9, all_to_all=False), step("lif_one_to_one", products=False)),
    (lambda: snn.RSynaptic(alpha=0.9, beta=0.8, linear_features=3), step("synaptic", 2, products=True)),
    (lambda: snn.RSynaptic(alpha=0.9, beta=0.8, all_to_all=False), step("synaptic_one_to_one", 2)),
    (lambda: snn.SLSTM(2, 3), step("slstm", 2, products=True)),
    (lambda: snn.SConv2dLSTM(1, 2, 3), step("slstm", 2, products=True)),
    (lambda: snn.StateLeaky(beta=0.9, channels=3), sequence("lif")),
    (lambda: snn.StateLeaky(beta=0.9, channels=3, output=False), sequence("li", fires=False)),
    (lambda: snn.StateLeaky(beta=0.9, channels=3, kernel_truncation_steps=4), sequence("fir", 4)),
    (lambda: snn.LinearLeaky(beta=0.9, in_features=2, out_features=3), sequence("lif", products=True)),
    (lambda: snn.LeakyParallel(2, 3, beta=0.9), sequence("lif", products=True)),
]

SPIKINGJELLY = [
    (lambda: sj.IFNode(), step("iaf")),
    (lambda: sj.IFNode(step_mode="m"), sequence("iaf")),
    (lambda: sj.HalfThresholdIFNode(), step("iaf")),
    (lambda: sj.ActivationAwareIFNode(), step("iaf")),
    (lambda: sj.SimpleIFNode(), step("iaf")),
    (lambda: sj.LIFNode(step_mode="m"), sequence("lif")),
    (lambda: sj.SimpleLIFNode(tau=2.0, decay_input=True), step("lif")),
    (lambda: sj.ParametricLIFNode(step_mode="m"), sequence("plif")),
    (lambda: sj.ILIFNode(), step("lif", counts=True)),
    (lambda: sj.LIAFNode(torch.relu, threshold_related=False), step("liaf", counts=True)),
    (lambda: sj.KLIFNode(), step("klif")),
    (lambda: sj.CUBALIFNode(), step("synaptic", 2)),
    (lambda: sj.ComplementaryLIFNode(), step("clif", 2)),
    (lambda: sj.GatedLIFNode(T=4), sequence("glif", steps=4)),
    (lambda: sj.MPBNLIFNode(out_features=3), step("mpbn_lif")),
    (lambda: sj.MPBNLIFNode(out_features=3, mpbn=False), step("lif")),
    (lambda: sj.QIFNode(), step("qif")),
    (lambda: sj.EIFNode(), step("eif")),
    (lambda: sj.IzhikevichNode(), step("izhikevich", 2)),
    (lambda: sj.RAFNode(), step("raf", 2)),
    (lambda: sj.TernaryIFNode(), step("ternary_if", counts=True)),
    (lambda: sj.TernaryLIFNode(), step("ternary_lif", counts=True)),
    (lambda: sj.STBIFNode(1.0, level=4), step("st_bif", 2, counts=True)),
    (lambda: sj.DSRIFNode(), sequence("iaf", counts=True)),
    (lambda: sj.DSRLIFNode(), sequence("lif", counts=True)),
    (lambda: sj.OTTTLIFNode(), step("lif")),
    (lambda: sj.SLTTLIFNode(), step("lif")),
    (lambda: sj.PSN(T=4), sequence("psn", 4, steps=4)),
    (lambda: sj.MaskedPSN(k=2, T=4, step_mode="m"), sequence("psn", 2, steps=4)),
    (lambda: sj.SlidingPSN(k=3), step("psn", 3, steps=None)),
    (lambda: sj.ILCIFNode(2, 3), sequence("iaf", products=True)),
    (lambda: sj.ILCLIFNode(2, 3), sequence("lif", products=True)),
    (lambda: sj.ILCCUBALIFNode(2, 3), sequence("synaptic", 2, products=True)),
    (lambda: sj.NoisyCUBALIFNode(3, is_training=False), sequence("synaptic", 2, steps=5)),
    (lambda: sj.NoisyNonSpikingIFNode(3, is_training=False), sequence("integrator", fires=False)),
    (lambda: sj.NonSpikingIFNode(), sequence("integrator", fires=False)),
    (lambda: sj.NonSpikingLIFNode(), sequence("li", fires=False)),
    (lambda: layer.SynapseFilter(), step("li", fires=False)),
    (lambda: rnn.SpikingLSTMCell(2, 3), step("spiking_lstm", 2, products=True)),
    (lambda: rnn.SpikingGRUCell(2, 3), step("spiking_gru", products=True)),
    (lambda: rnn.SpikingVanillaRNNCell(2, 3), step("spiking_rnn", 0, products=True)),
]

NORSE = [
    (lambda: norse.IAF(), sequence("iaf")),
    (lambda: norse.IAFCell(), step("iaf")),
    (lambda: norse.LIF(), sequence("synaptic", 2)),
    (lambda: norse.LIFCell(), step("synaptic", 2)),
    (lambda: norse.LIFRecurrent(2, 3), sequence("synaptic", 2, products=True)),
    (lambda: norse.LIFRecurrentCell(2, 3), step("synaptic", 2, products=True)),
    (lambda: lif_box.LIFBoxCell(), step("lif")),
    (lambda: norse.LI(), sequence("li", 2, fires=False)),
    (lambda: norse.LICell(), step("li", 2, fires=False)),
    (lambda: norse.LIBoxCell(), step("li", fires=False)),
    (lambda: norse.LILinearCell(2, 3), step("li", 2, fires=False, products=True)),
    (lambda: norse.LSNN(), sequence("alif", 3)),
    (lambda: norse.LSNNCell(), step("alif", 3)),
    (lambda: norse.LSNNRecurrent(2, 3), sequence("alif", 3, products=True)),
    (lambda: norse.LIFExCell(), step("lif_ex", 2)),
    (lambda: norse.LIFAdExCell(), step("lif_adex", 3)),
    (lambda: norse.LIFRefracCell(), step("lif_refrac", 3)),
    (lambda: norse.LIFAdExRefracCell(), step("lif_adex_refrac", 4)),
    (lambda: norse.LIFMCRecurrentCell(2, 3), step("lif_mc", 2, products=True)),
]

SINABS = [
    (lambda: sinabs.LIF(tau_mem=3.0), samples_first("lif")),
    (lambda: sinabs.LIF(tau_mem=3.0, spike_fn=SingleSpike), samples_first("lif", counts=False)),
    (lambda: sinabs.LIF(tau_mem=3.0, spike_fn=MaxSpike(1)), samples_first("lif", counts=False)),
    (lambda: sinabs.LIF(tau_mem=3.0, spike_fn=MaxSpike(2)), samples_first("lif")),
    (lambda: sinabs.LIF(tau_mem=3.0, tau_syn=2.0), samples_first("synaptic", 2)),
    (lambda: sinabs.LIF(tau_mem=3.0, spike_fn=None, reset_fn=None), samples_first("li", fires=False)),
    (lambda: sinabs.LIFSqueeze(tau_mem=3.0, num_timesteps=5), samples_first("lif", squeezed=True, steps=5)),
    (
        lambda: sinabs.LIFRecurrent(tau_mem=3.0, rec_connect=nn.Linear(3, 3)),
        samples_first("lif", products=True),
    ),
    (lambda: sinabs.IAF(), samples_first("iaf")),
    (lambda: sinabs.IAF(tau_syn=2.0), samples_first("synaptic", 2)),
    (lambda: sinabs.IAFSqueeze(batch_size=2), samples_first("iaf", squeezed=True, samples=2, steps=None)),
    (lambda: sinabs.IAFRecurrent(rec_connect=nn.Linear(3, 3)), samples_first("iaf", products=True)),
    (lambda: sinabs.ALIF(tau_mem=3.0, tau_adapt=5.0), samples_first("alif", 2, counts=False)),
    (lambda: sinabs.ALIF(tau_mem=3.0, tau_adapt=5.0, tau_syn=2.0), samples_first("alif", 3, counts=False)),
    (lambda: sinabs.ExpLeak(tau_mem=3.0), samples_first("li", fires=False)),
    (lambda: sinabs.ExpLeakSqueeze(tau_mem=3.0, batch_size=2), samples_first("li", squeezed=True)),
]

OURS = [
    (lambda: neurons.make("iaf"), sequence("iaf")),
    (lambda: neurons.make("lif"), sequence("lif")),
    (lambda: neurons.make("lif", beta=1.0, gain=1.0), sequence("iaf")),
    (lambda: neurons.make("plif"), sequence("plif")),
    (lambda: neurons.make("synaptic"), sequence("synaptic", 2)),
    (lambda: neurons.make("alif"), sequence("alif", 2)),
    (lambda: neurons.make("recurrent", features=3), sequence("lif", products=True)),
    (lambda: neurons.make("multi_spike"), sequence("lif", counts=True)),
    (lambda: neurons.make("quantized_state", bits=6), sequence("lif", state_bits=6)),
]

ALL = [*SNNTORCH, *SPIKINGJELLY, *NORSE, *SINABS, *OURS]


@pytest.mark.parametrize(
    ("make", "said"), ALL, ids=lambda value: value["kind"] if isinstance(value, dict) else ""
)
def test_the_facts_of_a_neuron(make, said):
    neuron = make()
    laws.check_facts(neuron)
    facts = neuron_facts(neuron)
    assert {name: getattr(facts, name) for name in said} == said
    assert free_reason(neuron) is None
    assert refused_reason(neuron) is None
    assert not is_layer(neuron)


def test_every_neuron_of_the_table_is_tried_here():
    tried = {(type(make()).__module__.partition(".")[0], type(make()).__name__) for make, _ in ALL}
    untried = {
        (package, name)
        for package in LEFT_OUT
        for kind in laws.classes_of(package, LEFT_OUT[package])
        if callable(laws.row_of(kind)) or isinstance(laws.row_of(kind), NeuronFacts)
        for name in [kind.__name__]
        if (package, name) not in tried
    }
    same_row = {
        *(("norse", name) for name in norse_forms()),
        *(("sinabs", f"ALIF{form}") for form in ("Squeeze", "Recurrent")),
        *(("snntorch", "LeakyKernel"), ("spikingjelly", "NoisyILCCUBALIFNode"), ("norse", "ExpFilter")),
    }
    others = ("BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "Upsample")  # rows that ask the instance, too
    assert not {name for name in untried - same_row if not name[1].startswith(("_", *others))}


def norse_forms():
    kinds = ("IAF", "LIF", "LIFBox", "LSNN", "LIFEx", "LIFAdEx", "LIFRefrac", "LIFAdExRefrac", "Izhikevich")
    return [
        f"{kind}{form}"
        for kind in (*kinds, "LIFMC", "LIFMCRefrac")
        for form in ("", "Cell", "Recurrent", "RecurrentCell")
    ]


@pytest.mark.parametrize(
    ("module", "why"),
    [
        (lambda: snn.AssociativeLeaky(4, 2, 2, 4), "product of activations"),
        (lambda: sj.NoisyCUBALIFNode(3), "noise"),
        (lambda: sj.FlexSN(lambda x, v: (x, v), num_states=1), "a function of yours"),
        (lambda: few_spike.FewSpikeNode(few_spike.FewSpikeTable([1.0], [1.0], [1.0])), "many timesteps"),
        (lambda: layer.DropConnectLinear(2, 3), "at random"),
        (lambda: layer.NeuNorm(2, 3, 3), "running sum"),
        (lambda: norse.CobaLIFCell(2, 3), "positive and the negative part"),
        (lambda: sinabs.SpikingMaxPooling2dLayer((2, 2)), "running sums"),
        (lambda: nn.BatchNorm2d(2, track_running_stats=False), "from the values themselves"),
        (lambda: nn.LayerNorm(3), "from the values themselves"),
        (lambda: nn.Softmax(1), "no action for"),
        (lambda: nn.Upsample(scale_factor=2, mode="bilinear"), "no action for"),
    ],
)
def test_what_is_refused_says_why(module, why):
    made = module()
    assert why in refused_reason(made)
    assert neuron_facts(made) is None
    assert free_reason(made) is None


@pytest.mark.parametrize(
    "module",
    [
        lambda: layer.MaxPool2d(2),
        lambda: layer.BatchNorm2d(2, step_mode="m"),
        lambda: layer.ThresholdDependentBatchNorm2d(1.0, 1.0, 2),
        lambda: layer.SeqToANNContainer(nn.Flatten()),
        lambda: layer.Dropout(0.5),
        lambda: layer.VotingLayer(2),
        lambda: surrogate.ATan(),
        lambda: norse.Lift(norse.LIFCell()),
        lambda: norse.SequentialState(nn.Flatten()),
        lambda: sinabs.SumPool2d(2),
        lambda: sinabs.Merge(),
        lambda: nn.AdaptiveAvgPool3d(1),
        lambda: nn.Upsample(scale_factor=2),
        lambda: nn.Sequential(),
    ],
)
def test_what_is_free_says_why(module):
    assert free_reason(module())
    assert neuron_facts(module()) is None


@pytest.mark.parametrize(
    "module", [lambda: layer.Conv2d(1, 2, 3), lambda: layer.Linear(2, 3), lambda: nn.LSTM(2, 3)]
)
def test_layers_are_no_neurons_and_not_free(module):
    assert is_layer(module())
    assert free_reason(module()) is None


class MyLIF(sj.LIFNode):
    """A neuron of a user, derived from a known one."""


class MyNode(sj.BaseNode):
    """A neuron of a user, on the bare base."""


class MyPool(nn.MaxPool2d):
    """A pool of a user that does something else."""

    def forward(self, x):
        return x.sort(-1).values


class SamePool(nn.MaxPool2d):
    """A pool of a user with nothing new."""


def test_a_class_derived_from_a_known_one_counts_as_that():
    assert neuron_facts(MyLIF(step_mode="m")) == neuron_facts(sj.LIFNode(step_mode="m"))
    assert "neuron of your own" in refused_reason(MyNode())
    assert free_reason(SamePool(2)) == free_reason(nn.MaxPool2d(2))
    assert free_reason(MyPool(2)) is None
    assert refused_reason(MyPool(2)) is None


def loud(rows, *features):
    torch.manual_seed(0)
    return torch.rand(*rows, *features) * 3


KEEPING = [
    (lambda: snn.Leaky(beta=0.9, init_hidden=True), loud((4,), 3)),
    (lambda: snn.RLeaky(beta=0.9, linear_features=3, init_hidden=True), loud((4,), 3)),
    (lambda: snn.Synaptic(alpha=0.9, beta=0.8, init_hidden=True, output=True), loud((4,), 3)),
    (lambda: snn.Alpha(alpha=0.9, beta=0.8, init_hidden=True), loud((4,), 3)),
    (lambda: snn.SLSTM(3, 3, init_hidden=True, threshold=0.15), loud((4,), 3)),
    (lambda: sj.IFNode(v_reset=None), loud((4,), 3)),
    (lambda: sj.LIFNode(tau=8.0, step_mode="m"), loud((2, 4), 3)),
    (lambda: sj.CUBALIFNode(), loud((4,), 3)),
    (lambda: layer.SynapseFilter(tau=3.0), loud((4,), 3)),
    (lambda: layer.ElementWiseRecurrentContainer(sj.IFNode(v_reset=None), torch.add), loud((4,), 3)),
    (lambda: sinabs.LIF(tau_mem=20.0, norm_input=False), loud((4, 2), 3)),
    (lambda: sinabs.IAFSqueeze(num_timesteps=2), loud((8,), 3)),
    (lambda: sinabs.ALIF(tau_mem=20.0, tau_adapt=5.0, norm_input=False), loud((4, 2), 3)),
]


@pytest.mark.parametrize(("make", "frames"), KEEPING)
def test_a_reset_leaves_nothing(make, frames):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Identity(), make())
    laws.check_reset(network, frames)
    assert keeps_state(network)[0].startswith("1")
    network(frames)
    reset_state(network)
    network(frames[: len(frames) // 2])  # another size of batch, or fewer timesteps


@pytest.mark.parametrize("steps", [1, 3])
def test_networks_that_keep_nothing_say_so(steps):
    laws.check_stateless(norse.SequentialState(norse.LIF()), loud((steps, 4), 3))
    laws.check_stateless(nn.Sequential(neurons.make("lif")), loud((steps, 4), 3))


def test_a_state_is_no_weight():
    network = nn.Sequential(nn.Linear(3, 3), sinabs.LIF(tau_mem=3.0, tau_syn=2.0))
    assert state_names(network) == {"1.v_mem", "1.i_syn"}
    assert state_names(nn.Sequential(snn.Leaky(beta=0.9))) == frozenset()


def test_who_hands_the_state_out():
    assert hands_state(norse.SequentialState(norse.LIFCell()))
    assert hands_state(norse.LIFRecurrentCell(2, 3))
    assert not hands_state(norse.Lift(norse.LIFCell()))
    assert not hands_state(nn.Sequential(snn.Leaky(beta=0.9)))


def test_inference_states_do_not_hinder_a_training():
    for make, frames in KEEPING:
        network = make()
        with torch.inference_mode():
            network(frames)
        reset_state(network)
        output = network(frames.clone().requires_grad_())
        while not isinstance(output, torch.Tensor):
            output = output[0]
        assert np.isfinite(float(output.sum().detach()))
