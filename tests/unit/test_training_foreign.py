"""Networks of other frameworks are trained, evaluated and compressed as our own are."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import foreign
from spareto.compression import compression_report
from spareto.compression.run import compress_and_train
from spareto.core.errors import ConfigError, DataError, TrainingError
from spareto.records import PruneStep, QuantizeStep, Recipe, SchedulePlan, TrainingPlan
from spareto.running import Interface, from_arrays
from spareto.training import evaluate, train, train_seeds
from spareto.training.health import first_non_finite

for package in ("snntorch", "spikingjelly", "norse", "sinabs"):
    pytest.importorskip(package)

PLAN = TrainingPlan(
    epochs=3, batch_size=8, learning_rate=0.02, loss="cross_entropy_rate"
)  # 8, 8 and 4 samples
NAMES = list(foreign.NETWORKS)
pytestmark = pytest.mark.filterwarnings("ignore::spareto.training.SilentLayerWarning")


def data(**options):
    frames, labels = foreign.frames(), foreign.labels()
    return from_arrays(frames, labels, frames, labels, **options)


def made(name):
    make, stated = foreign.NETWORKS[name]
    return foreign.seeded(make), stated


def weights(network):
    return {name: parameter.detach().clone() for name, parameter in network.named_parameters()}


def equal(one, other):
    return one.keys() == other.keys() and all(torch.equal(value, other[name]) for name, value in one.items())


@pytest.mark.parametrize("name", NAMES)
def test_a_network_is_trained_to_lower_its_loss(name):
    network, stated = made(name)
    losses = []
    before = weights(network)
    plan = PLAN.model_copy(update={"epochs": 12, "learning_rate": 0.05})
    train(network, data(), plan, on_epoch=lambda report: losses.append(report.loss), **stated)
    assert losses[-1] < losses[0]
    assert not equal(before, weights(network))
    assert not network.training
    assert 0.35 < evaluate(network, foreign.frames(), foreign.labels(), **stated) <= 1


@pytest.mark.parametrize("name", NAMES)
def test_the_accuracy_is_that_of_the_answers(name):
    network, stated = made(name)
    network.eval()
    from spareto.running import Runner, samples_of

    samples = samples_of(foreign.frames(), foreign.labels())
    with torch.no_grad():
        answers = Runner(network, samples, Interface(**stated)).answers(samples.batch(0, 20), 20)
    expected = float((answers.argmax(1).numpy() == foreign.labels()).mean())
    for size in (1, 7, 64):
        assert evaluate(network, foreign.frames(), foreign.labels(), batch_size=size, **stated) == expected


class Killed(Exception):  # noqa: N818 - not an error
    pass


@pytest.mark.parametrize(
    "plan", [{}, {"average_epochs": 2}, {"keep": "best", "validation_share": 0.4}], ids=str
)
@pytest.mark.parametrize("name", ["snntorch loop", "spikingjelly multi-step", "sinabs", "norse cells"])
def test_a_killed_training_ends_with_the_same_bits(name, plan, tmp_path):
    plan = TrainingPlan(**{**PLAN.to_dict(), **plan})
    whole, stated = made(name)
    train(whole, data(), plan, checkpoint=tmp_path / "whole.safetensors", **stated)

    def told(report):
        if report.epoch == 2:
            raise Killed

    broken, _ = made(name)
    with pytest.raises(Killed):
        train(broken, data(), plan, checkpoint=tmp_path / "a.safetensors", on_epoch=told, **stated)
    again, _ = made(name)
    train(again, data(), plan, checkpoint=tmp_path / "a.safetensors", **stated)
    assert equal(weights(whole), weights(again))
    assert (tmp_path / "whole.safetensors").read_bytes() == (tmp_path / "a.safetensors").read_bytes()


@pytest.mark.parametrize("layout", ["time-first", "batch-first", "set", "loader"])
def test_data_of_every_kind_trains_alike(layout):
    frames, labels = foreign.frames(), foreign.labels()
    items = TensorDataset(torch.from_numpy(frames.swapaxes(0, 1).copy()), torch.from_numpy(labels).float())
    given = {
        "time-first": (frames, labels[:, None]),
        "batch-first": from_arrays(frames.swapaxes(0, 1), labels, layout="batch-first"),
        "set": items,
        "loader": DataLoader(items, batch_size=3, shuffle=True),
    }
    network, stated = made("spikingjelly multi-step")
    train(network, given[layout], PLAN, **stated)
    expected, _ = made("spikingjelly multi-step")
    train(expected, data(), PLAN, **stated)
    assert equal(weights(network), weights(expected))


def test_pictures_are_trained_on():
    pictures, labels = foreign.frames()[0], foreign.labels()
    network = foreign.seeded(foreign.SpikingJellyOfPictures)
    before = weights(network)
    train(network, (pictures, labels), PLAN)
    assert not equal(before, weights(network))
    assert 0 <= evaluate(network, pictures, labels) <= 1


def test_the_first_step_follows_the_gradient_of_the_voted_answer():
    """A slow twin: the gradient, worked out without this package's way of running."""
    network, twin = (foreign.seeded(foreign.SnnTorchLoop) for _ in range(2))
    gradients = {}

    def before_step(trained, step, steps):
        gradients.update({name: p.grad.clone() for name, p in trained.named_parameters()})

    plan = TrainingPlan(epochs=1, batch_size=20, loss="cross_entropy_rate")
    train(network, data(), plan, before_step=before_step, vote="sum")
    order = np.random.default_rng([0, 0]).permutation(20)
    spikes = twin(torch.from_numpy(foreign.frames()[:, order]))
    nn.functional.cross_entropy(spikes.sum(0), torch.from_numpy(foreign.labels()[order])).backward()
    for name, parameter in twin.named_parameters():
        assert torch.allclose(gradients[name], parameter.grad, atol=1e-6)


@pytest.mark.parametrize("loss", ["mse_vote", "spike_count"])
def test_losses_that_compare_rates_take_a_sum_over_time_as_a_rate(loss):
    plan, trained = TrainingPlan(epochs=2, batch_size=8, loss=loss), {}
    for vote in ("sum", "mean"):
        network = foreign.seeded(foreign.SnnTorchLoop)
        train(network, data(), plan, vote=vote)
        trained[vote] = weights(network)
    assert equal(trained["sum"], trained["mean"])


# --- what is told before the first step


def refused(network, given=None, **stated):
    before = weights(network)
    with pytest.raises((ConfigError, DataError)) as error:
        train(network, given or data(), PLAN, **stated)
    assert equal(before, weights(network))
    return str(error.value)


def test_a_network_without_a_reset_is_told_so_before_the_first_step():
    network = foreign.seeded(lambda: foreign.ByHand(keeps=True))
    assert "a state in 'mem' that changes the next batch's answer" in refused(network)
    train(network, data(), PLAN, reset="forget")


def test_a_state_that_is_wanted_but_hangs_on_the_last_graph():
    class Wanted(foreign.ByHand):
        def forward(self, x):
            self.mem = None if self.mem is None else self.mem[: x.shape[1]]
            return super().forward(x)

    network = foreign.seeded(lambda: Wanted(keeps=True))
    with pytest.raises(ConfigError, match="a state that was not reset since the last step"):
        train(network, data(), PLAN, reset="none")


def test_what_the_answer_lacks_is_told_before_the_first_step():
    assert 'Say vote="mean"' in refused(foreign.seeded(foreign.SnnTorchLoop))
    assert "Say which is the answer" in refused(foreign.seeded(lambda: foreign.SnnTorchLoop(form="tuple")))
    both = {"interface": Interface(vote="mean"), "vote": "mean"}
    assert "got an Interface and vote; expected one of both" in refused(foreign.SnnTorchLoop(), **both)
    six = from_arrays(foreign.frames(), np.arange(20) % 6)
    assert "(8, 6) or wider" in refused_at_first_step(foreign.seeded(foreign.SnnTorchLoop), six, vote="mean")


def refused_at_first_step(network, given, **stated):
    with pytest.raises(ConfigError) as error:
        train(network, given, PLAN, **stated)
    return str(error.value)


def test_a_batch_norm_with_a_last_batch_of_one_sample():
    class Normed(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm, self.fc = nn.BatchNorm1d(12), nn.Linear(12, 5)

        def forward(self, x):
            return self.fc(self.norm(x.mean(0)))

    given = (foreign.frames()[:, :17], foreign.labels()[:17])
    said = refused(foreign.seeded(Normed), given)
    assert said.startswith("training.batch_size: got a last batch of one sample; expected at least two")
    with pytest.raises(
        ConfigError, match=r"^training\.batch_size: got batches of one sample; expected at least two"
    ):
        train(foreign.seeded(Normed), given, PLAN.replace(batch_size=1))
    train(foreign.seeded(Normed), (foreign.frames()[:, :18], foreign.labels()[:18]), PLAN)


def test_moves_are_for_pictures_over_time():
    plan = PLAN.model_copy(update={"max_shift": 1})
    with pytest.raises(ConfigError, match=r"max_shift for frames of shape \(6, 20, 12\)"):
        train(foreign.seeded(foreign.ByHand), data(), plan)


# --- evaluation


@pytest.mark.parametrize(
    "change", [lambda y: y[:, None], lambda y: y.astype(np.float32), torch.from_numpy, list]
)
def test_labels_of_every_kind_give_the_same_accuracy(change):
    network = foreign.seeded(foreign.ByHand)
    expected = evaluate(network, foreign.frames(), foreign.labels())
    assert evaluate(network, foreign.frames(), change(foreign.labels())) == expected
    assert evaluate(network, torch.from_numpy(foreign.frames()), change(foreign.labels())) == expected


def test_data_sets_are_evaluated_too():
    network, frames, labels = foreign.seeded(foreign.ByHand), foreign.frames(), foreign.labels()
    items = TensorDataset(torch.from_numpy(frames.swapaxes(0, 1).copy()), torch.from_numpy(labels))
    expected = evaluate(network, frames, labels)
    assert evaluate(network, items, layout="batch-first") == expected
    assert evaluate(network, DataLoader(items, batch_size=3), layout="batch-first") == expected
    turned = frames.swapaxes(0, 1)
    assert evaluate(network, turned, labels, layout="batch-first") == expected


@pytest.mark.parametrize(
    ("frames", "labels", "said"),
    [
        (
            foreign.frames(),
            foreign.labels() + 1,
            "evaluation: labels: got 5; expected values from 0 to 4, the net",
        ),
        (foreign.frames(), None, "evaluation: labels: got nothing; expected labels, one a sample."),
        (
            foreign.frames() * np.nan,
            foreign.labels(),
            "evaluation: frames: got nan or infinity; expected finite",
        ),
        (
            foreign.frames(),
            foreign.labels() - 0.5,
            "evaluation: labels: got -0.5; expected whole numbers from 0.",
        ),
        (
            foreign.frames(),
            foreign.labels()[:4],
            "evaluation: labels: got shape (4,); expected one a sample of",
        ),
    ],
)
def test_what_cannot_be_evaluated(frames, labels, said):
    with pytest.raises(DataError) as error:
        evaluate(foreign.seeded(foreign.ByHand), frames, labels)
    assert str(error.value).startswith(said)


def test_an_answer_that_is_no_number():
    network = foreign.seeded(foreign.ByHand)
    network.fc.bias.data[2] = np.nan
    with pytest.raises(ConfigError, match="network: got an answer that is nan; expected a number a class"):
        evaluate(network, foreign.frames(), foreign.labels())
    with pytest.raises(ConfigError, match="batch_size: got 0; expected an integer from 1 to"):
        evaluate(network, foreign.frames(), foreign.labels(), batch_size=0)


# --- health


@pytest.mark.parametrize(
    ("name", "layer"),
    [("snntorch loop", "lif1"), ("spikingjelly single-step", "1"), ("norse sequence", "1"), ("sinabs", "1")],
)
def test_a_silent_layer_is_named(name, layer):
    network, stated = made(name)
    first = next(module for module in network.modules() if isinstance(module, nn.Linear))
    first.weight.data.zero_()
    first.bias.data.fill_(-1.0)
    told = []
    plan = TrainingPlan(epochs=1, batch_size=20, learning_rate=1e-9)
    train(network, data(), plan, on_silence=told.append, **stated)
    assert f"training, epoch 1, layer '{layer}'" in [problem.where for problem in told]
    assert all(
        "norse" not in name or problem.where[-2] != "3" for problem in told
    )  # an integrator has no spikes


@pytest.mark.parametrize("name", ["snntorch loop", "spikingjelly multi-step", "sinabs"])
def test_a_layer_whose_numbers_are_not_finite_is_named(name):
    network, stated = made(name)
    layer = next(name for name, module in network.named_modules() if isinstance(module, nn.Linear))
    network.get_submodule(layer).weight.data[0, 0] = np.inf
    with pytest.raises((TrainingError, ConfigError)):
        train(network, data(), PLAN, **stated)
    assert first_non_finite(network, torch.zeros(1, 2, 12)) == f"layer '{layer}', its weight"


# --- compression and seeds


@pytest.mark.parametrize("name", NAMES)
def test_a_network_is_compressed_and_trained(name):
    network, stated = made(name)
    before = weights(network)
    recipe = Recipe(
        steps=(PruneStep(sparsity=0.5), QuantizeStep(bits=4, start=0.5)),
        training=TrainingPlan(epochs=2, batch_size=8, learning_rate=0.01, loss="cross_entropy_rate"),
    )
    compressed = compress_and_train(network, recipe, data(), **stated)
    assert equal(before, weights(network))
    layers = compression_report(compressed)
    assert {layer.bits for layer in layers} == {4}
    assert all(0 < layer.sparsity < 1 for layer in layers)
    assert 0 <= evaluate(compressed, foreign.frames(), foreign.labels(), **stated) <= 1


@pytest.mark.parametrize("pruner", ["snip", "activity"])
def test_pruners_that_run_the_network(pruner):
    network, stated = made("snntorch calls")
    step = PruneStep(sparsity=0.5, pruner=pruner, schedule=SchedulePlan(name="gradual"))
    recipe = Recipe(steps=(step,), training=TrainingPlan(epochs=2, batch_size=8, loss="cross_entropy_rate"))
    compressed = compress_and_train(network, recipe, data(), **stated)
    assert all(0 < layer.sparsity < 1 for layer in compression_report(compressed))


def test_several_seeds():
    results = train_seeds(foreign.SnnTorchLoop, data(), PLAN, (1, 2), vote="mean")
    assert all(0 <= result.accuracy <= 1 for result in results)
    assert not equal(*(weights(result.network) for result in results))
    with pytest.raises(DataError, match="data: got no test split"):
        train_seeds(foreign.SnnTorchLoop, (foreign.frames(), foreign.labels()), PLAN, (1,), vote="mean")
