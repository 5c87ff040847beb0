"""What newcomers get wrong in `spareto.energy`: messages name the place, the value, the rule and the cure."""

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import spareto
from spareto.neurons import registry

T, N, F, CLASSES = 5, 12, 16, 4


class Loop(nn.Module):
    """Takes `(samples, features)` and answers over time, as networks of tutorials do."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(F, CLASSES)
        self.lif = registry.make("lif")

    def forward(self, x):
        return self.lif(torch.stack([self.fc(x) for _ in range(T)]))


class OverTime(nn.Module):
    """Takes `(time, samples, features)`."""

    def __init__(self):
        super().__init__()
        self.fc, self.lif = nn.Linear(F, CLASSES), registry.make("lif")

    def forward(self, x):
        return self.lif(self.fc(x)).mean(0)


@pytest.fixture
def images():
    return torch.rand(N, F, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def labels():
    return torch.arange(N) % CLASSES


def refused(*arguments, **options) -> str:
    with pytest.raises(spareto.SparetoError) as error:
        spareto.energy(*arguments, show=False, **options)
    return str(error.value)


def test_one_hot_labels(images, labels):
    said = refused(Loop(), images, nn.functional.one_hot(labels), vote="mean")
    assert said == (
        "labels: got shape (12, 4); expected shape (samples,) or (samples, 1), one whole number a sample. "
        "Call .argmax(1) on one-hot rows."
    )


def test_labels_beyond_the_classes(images, labels):
    said = refused(Loop(), images, labels + 1, vote="mean")
    rule = "expected values from 0 to 3, the network's classes. Build the network with as many classes."
    assert said == f"labels: got 4; {rule}"


def test_labels_of_another_number(images, labels):
    said = refused(Loop(), images, labels[:5], vote="mean")
    assert said.startswith("labels: got shape (5,); expected one a sample of frames of shape (12, 16)")


@pytest.mark.parametrize("axis", [0, 1])
def test_frames_are_turned_to_what_the_network_takes(axis, images, labels):
    frames = torch.stack([images] * T, axis)
    found = spareto.energy(OverTime(), frames, labels, show=False)
    assert found.workload.timesteps == T


def test_a_missing_vote(images, labels):
    said = refused(Loop(), images, labels)
    assert 'expected one answer a sample, or a vote. Say vote="mean", "sum", "last" or "max".' in said


def test_an_unknown_vote(images, labels):
    said = refused(Loop(), images, labels, vote="count")
    assert said == "vote: got 'count'; expected one of mean, sum, last, max."


def test_an_unknown_keyword(images, labels):
    said = refused(Loop(), images, labels, votes="mean")
    assert said.startswith("energy: got votes='mean'; expected one of time, output, vote, ")
    assert said.endswith("Did you mean 'vote'?")


def test_an_unknown_accelerator(images, labels):
    said = refused(Loop(), images, labels, vote="mean", on="loihi")
    assert said.startswith("accelerator: got 'loihi'; expected one of ")
    assert said.endswith("Did you mean 'loihi_like'?")


def test_no_labels_and_no_layout(images):
    said = refused(Loop(), images, vote="mean")
    assert said.startswith("frames: got shape (12, 16) without labels; ")
    assert said.endswith('Say layout="time-first", "batch-first" or "static".')


def test_a_class_and_not_a_network(images, labels):
    assert refused(Loop, images, labels) == (
        "network: got the class Loop; expected a network. Make one: Loop(...)."
    )


@pytest.mark.parametrize("other", [None, "net.pt", {"state_dict": {}}])
def test_no_network_at_all(other, images, labels):
    said = refused(other, images, labels)
    assert said == f"network: got {type(other).__name__}; expected a torch module."


@pytest.mark.parametrize(
    ("bits", "said"),
    [
        ("8", "weight_bits: got '8'; expected a whole number of bits from 1 to 64. Give one number"),
        (4.0, "weight_bits: got 4.0; expected a whole number of bits from 1 to 64. Give one number"),
        (0, "weight_bits: got 0; expected a whole number of bits from 1 to 64."),
        ({"fc": 0}, "weight_bits['fc']: got 0; expected a whole number of bits from 1 to 64."),
        ({"fc2": 8}, "weight_bits['fc2']: got 'fc2'; expected one of fc. Did you mean 'fc'?"),
    ],
)
def test_widths_that_are_none(bits, said, images, labels):
    assert refused(Loop(), images, labels, vote="mean", weight_bits=bits).startswith(said)


def test_neurons_of_no_place_and_of_no_kind(images, labels):
    said = refused(Loop(), images, labels, vote="mean", neurons={"lief": "lif"})
    assert said == (
        "neurons['lief']: got no such module or layer; expected one of fc, lif. Did you mean 'lif'?"
    )
    said = refused(Loop(), images, labels, vote="mean", neurons={"lif": "leaky"})
    assert said.startswith("neurons['lif']: got 'leaky'; expected one of iaf, lif, ")


def test_samples_without_time_for_a_network_over_time(images, labels):
    said = refused(OverTime(), images, labels)
    assert said.startswith("network: got frames of shape (12, 16), given as (batch, ...): ")
    assert said.endswith("Samples without time are repeated by frames.expand(timesteps, *frames.shape).")


def test_one_timestep_is_told_with_its_cure(images, labels):
    said = str(spareto.energy(OverTime(), images[None], labels, show=False))
    assert "1 timestep\n" in said
    assert "The network ran for one timestep." in said
    assert "one timestep" not in str(spareto.energy(OverTime(), images.expand(T, N, F), labels, show=False))


def test_a_network_in_training_mode_is_measured_in_evaluation_mode_and_left_in_training(images, labels):
    network = nn.Sequential(nn.Dropout(0.9), OverTime()).train()
    once, again = (
        spareto.energy(network, images.expand(T, N, F), labels, show=False).microjoules for _ in range(2)
    )
    assert once == again
    assert network.training


class OnlyCuda(Loop):
    def forward(self, x):
        return super().forward(x.to("cuda:77"))


def test_a_network_for_another_device(images, labels):
    said = refused(OnlyCuda(), images, labels, vote="mean")
    assert said.startswith("network: got frames of shape (12, 16), given as (batch, ...): ")
    assert "CUDA" in said or "device" in said


@pytest.mark.parametrize("batch", [None, 5])
def test_data_sets_and_loaders_are_read(batch, images, labels):
    data = TensorDataset(images, labels)
    given = data if batch is None else DataLoader(data, batch, shuffle=True)
    network = Loop()
    found = spareto.energy(network, given, vote="mean", show=False)
    same = spareto.energy(network, images, labels, vote="mean", show=False)
    assert found.workload == same.workload
    assert found.profile.accuracy == same.profile.accuracy


def test_numbers_are_told_and_spikes_are_not(images, labels):
    told = "fc: Reads numbers, not spikes: each is multiplied, in every timestep."
    network = OverTime()
    assert told in str(spareto.energy(network, images.expand(T, N, F), labels, show=False))
    spikes = (images > 0.5).float().expand(T, N, F)
    assert told not in str(spareto.energy(network, spikes, labels, show=False))


def test_what_holds_of_several_layers_is_said_once(images, labels):
    network = nn.Sequential(nn.Linear(F, 8), nn.ReLU(), nn.Linear(8, CLASSES))
    said = str(spareto.energy(network, images, labels, show=False))
    assert "0 (linear), 2 (linear): No neurons stand behind it, so none are charged." in said


def test_lines_fit_a_terminal_whatever_layers_are_called(images, labels):
    deep = nn.Sequential()
    deep.add_module(
        "a_block_with_a_name_that_is_much_longer_than_a_terminal_is_wide_for_its_numbers", OverTime()
    )
    for chips in (["eyeriss_like"], ["eyeriss_like", "loihi_like", "edge_cpu", "spinnaker2", "edge_gpu"]):
        said = str(spareto.energy(deep, images.expand(T, N, F), labels, on=chips, show=False))
        assert max(map(len, said.splitlines())) <= 80
        assert "its_numbers.fc" in said or ".fc" in said


@pytest.mark.parametrize("last", [nn.LogSoftmax(1), nn.Softmax(1), nn.Sigmoid()])
def test_a_function_behind_the_last_layer(last, images, labels):
    said = refused(nn.Sequential(OverTime(), last), images.expand(T, N, F), labels)
    assert said.startswith(
        f"layer '1': got {type(last).__name__}; expected a layer that can be costed. It is not: "
    )
    assert said.endswith("behind the last layer leave it out, for it changes no answer.")


def test_neurons_without_a_layer_read_no_numbers(images, labels):
    network = nn.Sequential(nn.Linear(F, CLASSES), registry.make("lif"), registry.make("lif"))
    spikes = (images > 0.5).float().expand(T, N, F)
    said = str(spareto.energy(network, spikes, labels, layout="time-first", vote="mean", show=False))
    assert "No layer feeds these neurons, so they are charged alone." in said
    assert "Reads numbers" not in said
