"""How a network of any framework is run: found by proof or asked for, and nothing is left of the looking."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import foreign
import tiny
from spareto.core.errors import ConfigError
from spareto.running import Interface, Runner, samples_of

for package in ("snntorch", "spikingjelly", "norse", "sinabs"):
    pytest.importorskip(package)

NAMES = list(foreign.NETWORKS)


def network_and_interface(name):
    make, stated = foreign.NETWORKS[name]
    return foreign.seeded(make).eval(), Interface(**stated)


def samples(frames=None, layout=None):
    frames = foreign.frames() if frames is None else frames
    return samples_of(frames, foreign.labels(), layout=layout)


@pytest.mark.parametrize("name", NAMES)
def test_how_a_network_takes_time_is_found(name):
    network, interface = network_and_interface(name)
    runner = Runner(network, samples(), interface)
    assert runner.feed.name == foreign.FEEDS[name]
    assert runner.timesteps == foreign.STEPS
    assert runner.notes[0] == f"A call of the network takes {runner.feed}."
    kept = "reset before every batch" in " ".join(runner.notes)
    assert kept == (name.split()[0] in ("snntorch", "spikingjelly", "sinabs"))


@pytest.mark.parametrize("layout", ["time-first", "batch-first"])
@pytest.mark.parametrize("name", NAMES)
def test_the_answer_is_the_same_for_every_size_of_batch_and_layout_of_the_data(name, layout):
    network, interface = network_and_interface(name)
    with torch.no_grad():
        expected = Runner(network, samples(), interface).answers(samples().batch(0, 20), 20)
        assert expected.shape == (20, foreign.CLASSES)
        assert float(expected.std()) > 0
        frames = foreign.frames() if layout == "time-first" else foreign.frames().swapaxes(0, 1)
        data = samples(frames, layout)
        runner = Runner(network, data, interface)
        for size in (1, 7, 20):
            parts = [runner.answers(batch, place.stop - place.start) for place, batch in runner.batches(size)]
            assert torch.allclose(torch.cat(parts), expected, atol=1e-5)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "by hand"])
def test_whether_time_follows_the_samples_is_found_too(name):
    """Only the first axis is as long as there are labels: the frames may be pictures or recordings."""
    network, interface = network_and_interface(name)
    if foreign.FEEDS[name] == "calls":  # a dense layer takes the two axes of a picture, too
        with pytest.raises(ConfigError, match=r"takes \(batch, ...\) and \(batch, ...\) a timestep") as error:
            Runner(network, samples(foreign.frames().swapaxes(0, 1)), interface)
        assert str(error.value).endswith('Say layout="time-first", "batch-first" or "static".')
        interface = replace(interface, time="calls")
    runner = Runner(network, samples(foreign.frames().swapaxes(0, 1)), interface)
    assert runner.samples.layout is None
    assert runner.timesteps == foreign.STEPS
    expected = Runner(network, samples(), interface)
    with torch.no_grad():
        one, other = (r.answers(r.samples.batch(0, 20), 20) for r in (runner, expected))
    assert torch.allclose(one, other, atol=1e-5)


@pytest.mark.parametrize(
    ("form", "stated"),
    [
        ("spikes", {"vote": "mean"}),
        ("samples first", {"vote": "mean"}),
        ("tuple", {"vote": "mean", "output": 0}),
        ("tuple", {"vote": "mean", "output": -2}),
        ("dict", {"vote": "mean", "output": "spk"}),
        ("list", {"vote": "mean"}),
        ("mean", {}),
        ("plane", {}),
        ("with a state", {"vote": "mean"}),
    ],
)
@pytest.mark.parametrize("axis", [0, 1])
def test_every_form_of_output_has_one_meaning(form, stated, axis):
    network = foreign.seeded(lambda: foreign.SnnTorchLoop(axis, form))
    runner = Runner(network, samples(), Interface(**stated))
    spikes = foreign.seeded(foreign.SnnTorchLoop)(torch.from_numpy(foreign.frames()))
    assert torch.equal(runner.answers(samples().batch(0, 20), 20), spikes.mean(0))
    for samples_in_batch in (1, 5, foreign.STEPS):  # as many as timesteps, too
        few = runner.answers(samples().batch(0, samples_in_batch), samples_in_batch)
        assert torch.allclose(few, spikes.mean(0)[:samples_in_batch], atol=1e-6)


@pytest.mark.parametrize(
    ("vote", "closed"),
    [
        ("mean", lambda x: x.mean(0)),
        ("sum", lambda x: x.sum(0)),
        ("max", lambda x: x.max(0)),
        ("last", lambda x: x[-1]),
    ],
)
@pytest.mark.parametrize("time", ["time-batch", "batch-time", "calls"])
def test_votes_in_closed_form(vote, closed, time):
    network, frames = nn.Identity(), foreign.frames()
    runner = Runner(network, samples(), Interface(time=time, vote=vote))
    answers = runner.answers(samples().batch(0, 20), 20)
    assert np.allclose(answers.numpy(), closed(frames), atol=1e-6)


def test_pictures_are_given_as_they_are():
    pictures = foreign.frames()[0]
    runner = Runner(foreign.seeded(foreign.SpikingJellyOfPictures), samples(pictures))
    assert (runner.feed.name, runner.timesteps) == ("sample", None)
    assert runner.answers(torch.from_numpy(pictures), 20).shape == (20, foreign.CLASSES)


def test_one_timestep_needs_no_vote():
    network = foreign.seeded(lambda: foreign.spikingjelly("m"))
    runner = Runner(network, samples(foreign.frames(1)))
    assert runner.answers(runner.samples.batch(0, 4), 4).shape == (4, foreign.CLASSES)


def test_whole_numbers_look_up_embeddings():
    class Words(nn.Module):
        def __init__(self):
            super().__init__()
            self.table, self.fc = nn.Embedding(9, 4), nn.Linear(4, 5)

        def forward(self, words):
            return self.fc(self.table(words).mean(1))

    words = np.random.default_rng(0).integers(0, 9, (20, 7))
    runner = Runner(foreign.seeded(Words), samples(words, "static"))
    assert runner.answers(runner.samples.batch(0, 6), 6).shape == (6, 5)
    assert "'indices'" in refused(Words(), samples(words + 0.5, "static"))


@pytest.mark.parametrize("name", NAMES)
def test_a_copy_is_run_in_the_same_way(name):
    network, interface = network_and_interface(name)
    runner = Runner(network, samples(), interface)
    other, _ = network_and_interface(name)  # the same weights
    with torch.no_grad():
        one, two = (r.answers(samples().batch(0, 7), 7) for r in (runner, runner.bound_to(other)))
    assert torch.equal(one, two)


# --- what is asked, and what is refused


def run(network, data, stated):
    runner = Runner(network, data, Interface(**stated))
    runner.answers(data.batch(0, 7), 7)


def refused(network, data=None, **stated):
    with pytest.raises(ConfigError) as error:
        run(network, data or samples(), stated)
    return str(error.value)


def test_a_network_that_runs_in_two_ways_is_asked_about():
    said = refused(nn.Linear(foreign.FEATURES, foreign.CLASSES))
    assert said == (
        "time: got a network that takes (time, batch, ...) and (batch, time, ...) and (batch, ...) "
        "a timestep, for frames of shape (6, 20, 12); expected one way to run through time. "
        'Say time="calls", "time-batch" or "batch-time".'
    )


def test_a_network_that_does_not_run_says_why():
    said = refused(nn.Linear(13, 2))
    assert (
        "of shape (6, 20, 12), given as (time, batch, ...) or (batch, time, ...): RuntimeError: mat1" in said
    )
    said = refused(foreign.spikingjelly("m"), samples(foreign.frames()[0]))
    assert "'1' got one call of shape (2, 16), which is not 2 samples a timestep" in said


def test_what_is_missing_is_asked_for():
    said = refused(foreign.SnnTorchLoop())
    assert said == (
        "network: got an output over time, of shape (6, 7, 5); expected one answer a sample, or a vote. "
        'Say vote="mean", "sum", "last" or "max".'
    )
    said = refused(foreign.SnnTorchLoop(form="tuple"), vote="mean")
    assert said == (
        "network: got an output of 0: shape (6, 7, 5), 1: shape (6, 7, 5); expected one tensor. "
        'Say which is the answer: output=0 or output="name".'
    )
    said = refused(foreign.SnnTorchLoop(form="dict"), vote="mean", output="spikes")
    assert "output='spikes'; expected one of 'spk': shape (6, 7, 5), 'mem': shape (6, 7, 5)." in said
    said = refused(foreign.SnnTorchLoop(form="mean"), vote="mean")
    assert said.startswith(
        "network: got vote='mean' of an output of shape (7, 5); expected an output over time."
    )


def test_a_stated_interface_is_checked():
    with pytest.raises(ConfigError) as error:
        Interface(time="batch_time", vote="average", output=1.5, reset=3)
    assert [line.split(":")[0] for line in str(error.value).splitlines()] == [
        "time",
        "vote",
        "output",
        "reset",
    ]
    assert "Did you mean 'batch-time'?" in str(error.value)


def test_the_timesteps_that_layers_were_built_for():
    said = refused(foreign.sinabs_squeezed(num_timesteps=4), vote="sum")
    assert said.splitlines()[0] == "layer '1': got data of 6 timesteps; expected 4, which it was built for."


class MeanOfTheBatch(nn.Module):
    def forward(self, x):
        return (x - x.mean(1, keepdim=True)).mean(0)


class ShareOfTheBatch(nn.Module):
    def forward(self, x):
        return x.mean(0) / x.shape[1]


@pytest.mark.parametrize("network", [MeanOfTheBatch(), ShareOfTheBatch()])
def test_an_answer_that_depends_on_the_batch(network):
    said = refused(network)
    assert said.startswith(
        "network: got an answer that is another in a batch of 2 than for the sample alone;"
    )


class Drawn(nn.Module):
    def forward(self, x):
        return (torch.rand_like(x) < x).float().mean(0)


def test_an_answer_that_is_drawn_at_random_is_said_so():
    runner = Runner(Drawn(), samples())
    assert runner.random
    assert "drawn at random" in runner.notes[-1]


@pytest.mark.parametrize("reset", ["forget", lambda network: network.forget()], ids=["name", "function"])
def test_a_state_that_nothing_resets(reset):
    network = foreign.seeded(lambda: foreign.ByHand(keeps=True))
    said = refused(network)
    assert said == (
        "network: got a state in 'mem' that changes the next batch's answer; expected states that are reset "
        'before every batch. Say what resets it: reset="name of a method", or reset=a function of the '
        "network."
    )
    assert "The stated reset does not reset it." in refused(network, reset=lambda network: None)
    assert "got 'forgt'; expected the name of a method" in refused(network, reset="forgt")
    runner = Runner(network, samples(), Interface(reset=reset))
    expected = foreign.seeded(foreign.ByHand)(torch.from_numpy(foreign.frames()))
    for _ in range(2):
        assert torch.allclose(runner.answers(samples().batch(0, 20), 20), expected, atol=1e-6)


def test_a_state_in_a_list_or_a_dict_is_found():
    class Delayed(nn.Module):
        def __init__(self):
            super().__init__()
            self.queue, self.fc = [], nn.Linear(foreign.FEATURES, 5)

        def forward(self, x):
            self.queue.append(x.mean(0))
            return self.fc(self.queue[0])

    assert "a state in 'queue.0'" in refused(Delayed())


def test_kept_states_may_be_wanted():
    network = foreign.seeded(lambda: foreign.ByHand(keeps=True))
    runner = Runner(network, samples(), Interface(reset="none"))
    first, second = (runner.answers(samples().batch(0, 20), 20) for _ in range(2))
    assert not torch.equal(first, second)
    assert "kept from batch to batch" in runner.notes[-1]


def test_networks_without_numbers():
    with torch.device("meta"):
        network = nn.Linear(3, 3)
    assert "weights on the meta device" in refused(network)
    assert "no shape yet" in refused(nn.LazyLinear(3))


# --- nothing is left of the looking


def kept(network):
    """All that a network holds."""
    return {
        name: (type(value), value.clone() if isinstance(value, torch.Tensor) else copy.copy(value))
        for module_name, module in network.named_modules()
        for holder in (vars(module), module._buffers)
        for key, value in holder.items()
        for name in [f"{module_name}.{key}"]
        if not key.startswith("_")
    }


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_looking_changes_nothing(name, training):
    network, interface = network_and_interface(name)
    network.train(training)
    network.zero_grad()
    numbers = torch.get_rng_state(), np.random.get_state()[1].tolist()  # noqa: NPY002
    before = kept(network)
    Runner(network, samples(), interface)
    after = kept(network)
    assert before.keys() == after.keys()
    for place, (kind, value) in before.items():
        assert after[place][0] is kind
        same = torch.equal if isinstance(value, torch.Tensor) else lambda a, b: a is b or a == b
        assert same(after[place][1], value), place
    assert torch.equal(torch.get_rng_state(), numbers[0])
    assert np.random.get_state()[1].tolist() == numbers[1]  # noqa: NPY002


# --- our own networks


def test_our_networks_are_not_tried_out(monkeypatch):
    network, data = tiny.network(), tiny.frame_data()
    calls = []
    monkeypatch.setattr(type(network), "rates", lambda self, frames: calls.append(frames.shape))
    runner = Runner(network, samples_of(data.test_frames, data.test_labels))
    assert (runner.feed.name, runner.timesteps, runner.notes, calls) == ("time-batch", 3, (), [])
    with pytest.raises(ConfigError, match="'time-batch', which the network declares"):
        Runner(network, runner.samples, Interface(time="calls"))


def test_compiled_and_parallel_networks():
    network, data = tiny.network().eval(), tiny.frame_data()
    ours = samples_of(data.test_frames, data.test_labels)
    expected = network(torch.from_numpy(data.test_frames).float())
    compiled = torch.compile(network, backend="eager")
    assert Runner(compiled, ours).notes == ()  # it declares what the network inside declares
    assert torch.equal(Runner(compiled, ours).answers(ours.batch(0, 8), 8), expected)
    parallel = nn.DataParallel(foreign.seeded(foreign.SnnTorchLoop))
    assert Runner(parallel, samples(), Interface(vote="mean")).feed.name == "time-batch"


def test_frames_that_hold_at_every_timestep_are_in_memory_once():
    network, data = tiny.network().eval(), tiny.frame_data()
    still = np.lib.stride_tricks.as_strided(
        data.test_frames[0], data.test_frames.shape, (0, *data.test_frames.strides[1:])
    )
    given = samples_of(still, data.test_labels)
    assert given.frames.stride(0) == 0
    answers = Runner(network, given).answers(given.batch(0, 8), 8)
    assert torch.equal(answers, network(torch.from_numpy(still.copy()).float()))


def test_our_networks_take_batch_first_data_too():
    network, data = tiny.network().eval(), tiny.frame_data()
    expected = network(torch.from_numpy(data.test_frames).float())
    turned = samples_of(data.test_frames.swapaxes(0, 1), data.test_labels)
    runner = Runner(network, turned)
    assert torch.allclose(runner.answers(turned.batch(0, 8), 8), expected, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", ["spikingjelly multi-step", "spikingjelly single-step", "by hand"])
def test_frames_take_the_type_of_the_weights(name, dtype):
    network, interface = network_and_interface(name)
    network = network.to(dtype)
    for kind in (np.float32, np.float64, np.float16):
        data = samples(foreign.frames().astype(kind))
        runner = Runner(network, data, interface)
        answers = runner.answers(data.batch(0, 7), 7)
        assert bool(torch.isfinite(answers).all())
