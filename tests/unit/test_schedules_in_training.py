"""Pruning schedules in a real training: masks end where they should, also when training was killed."""

import pytest
import torch

import tiny
from spareto.compression import compress, compressed_weight, compression_report
from spareto.compression.layers import synaptic_layers
from spareto.compression.run import compress_and_train
from spareto.core.errors import ConfigError, UnknownName
from spareto.pruners import registry as pruners
from spareto.pruners.schedules import registry as schedules
from spareto.records import PruneStep, QuantizeStep, Recipe, SchedulePlan, TrainingPlan
from spareto.testing.steps import state_bytes
from spareto.training import train
from spareto.training.batches import steps_per_epoch
from spareto.training.schedule import phases

EPOCHS = 6
PLAN = TrainingPlan(epochs=EPOCHS, batch_size=3, learning_rate=0.02, warmup_epochs=1)
PATTERNS = [name for name in pruners.names() if pruners.make(name).keeps_pattern]


class Killed(Exception):  # noqa: N818 - not an error
    pass


def kill_after(epoch):
    def told(report):
        if report.epoch == epoch:
            raise Killed

    return told


def recipe(schedule, pruner="magnitude", start=0.0, sparsity=0.5, quantized=True, **options):
    prune = PruneStep(
        sparsity=sparsity,
        pruner=pruner,
        start=start,
        floor=0.1,
        schedule=SchedulePlan(name=schedule, options=options),
    )
    steps = (prune, QuantizeStep(bits=4, start=0.5)) if quantized else (prune,)
    return Recipe(steps=steps, training=PLAN)


def live(network):
    masks = [compressed_weight(layer).mask for layer in synaptic_layers(network).values()]
    return int(sum(mask.sum() for mask in masks))


def weights(network):
    return sum(layer.weight.numel() for layer in synaptic_layers(network).values())


class Watch:
    """Runs beside a schedule and notes the masks after every epoch."""

    def __init__(self):
        self.masks = []

    def __call__(self, network):
        layers = synaptic_layers(network).values()
        self.masks.append(torch.cat([compressed_weight(layer).mask.flatten() for layer in layers]))


def note_if_pruned(watch, network):
    if compressed_weight(network.features[0].conv) is not None:
        watch.masks.append(compressed_weight(network.features[0].conv).mask.clone())


@pytest.fixture
def data():
    return tiny.frame_data()


@pytest.fixture
def watch(monkeypatch):
    """Every change of masks, as `compress_and_train` makes it."""
    noted = Watch()
    plain = train

    def watched(network, *args, before_step=None, **options):
        def step(network, number, steps):
            if before_step is not None:
                before_step(network, number, steps)
            noted(network)

        plain(network, *args, before_step=step, **options)

    monkeypatch.setattr("spareto.compression.run.train", watched)
    return noted


@pytest.mark.parametrize("schedule", schedules.names())
@pytest.mark.parametrize("killed", [1, 3, 6])
def test_a_killed_training_ends_with_the_same_bits(schedule, killed, data, tmp_path):
    path, plan = tmp_path / "state.safetensors", recipe(schedule)
    whole = compress_and_train(tiny.network(dropout=0.3), plan, data, seed=3)
    with pytest.raises(Killed):
        compress_and_train(
            tiny.network(dropout=0.3), plan, data, seed=3, checkpoint=path, on_epoch=kill_after(killed)
        )
    resumed = compress_and_train(tiny.network(dropout=0.3), plan, data, seed=3, checkpoint=path)
    assert state_bytes(resumed) == state_bytes(whole)


@pytest.mark.parametrize("schedule", schedules.names())
@pytest.mark.parametrize("pruner", pruners.names())
@pytest.mark.filterwarnings("ignore::spareto.training.SilentLayerWarning")  # 3 of 7 channels may be too few
def test_training_ends_at_the_target(schedule, pruner, data):
    plan = recipe(schedule, pruner, quantized=False)
    if pruner in PATTERNS and schedule in ("set", "rigl"):
        with pytest.raises(ConfigError, match="keeps a pattern"):
            compress_and_train(tiny.network(), plan, data)
        return
    trained = compress_and_train(tiny.network(), plan, data)
    at_once = compress(tiny.network(), Recipe(steps=(PruneStep(sparsity=0.5, floor=0.1),)))
    if pruners.get(pruner).unit == "channel":
        kept = [compressed_weight(layer).mask.flatten(1) for layer in synaptic_layers(trained).values()]
        assert sum(int(mask.any(1).sum()) for mask in kept) == 7 - 4
        assert all(torch.equal(mask.any(1), mask.all(1)) for mask in kept)
    elif pruner == "n_of_m":
        assert all(layer.sparsity >= 0.5 for layer in compression_report(trained))
    else:
        assert live(trained) == live(at_once)


@pytest.mark.parametrize("schedule", schedules.names())
def test_a_schedule_may_start_late(schedule, data, watch, monkeypatch):
    plan = recipe(schedule, start=0.5, quantized=False)
    with monkeypatch.context() as patched:
        patched.setattr(Watch, "__call__", note_if_pruned)
        trained = compress_and_train(tiny.network(), plan, data)
    assert live(trained) == weights(trained) // 2
    assert len(watch.masks) == 3 * EPOCHS // 2, "half of the steps have masks"


def test_gradual_masks_only_lose_weights(data, watch):
    trained = compress_and_train(tiny.network(), recipe("gradual", rounds=6), data)
    numbers = [int(mask.sum()) for mask in watch.masks]
    assert numbers == sorted(numbers, reverse=True)
    assert numbers[0] == weights(trained)
    assert numbers[-1] == weights(trained) // 2
    assert len(set(numbers)) == 6, "of seven updates the last two remove as many"
    for before, after in zip(watch.masks, watch.masks[1:], strict=False):
        assert not (after * (1 - before)).any()


@pytest.mark.parametrize("schedule", ["set", "rigl"])
def test_regrowth_moves_weights_and_keeps_their_number(schedule, data, watch):
    compress_and_train(tiny.network(), recipe(schedule, quantized=False), data)
    assert len({int(mask.sum()) for mask in watch.masks}) == 1
    assert not torch.equal(watch.masks[0], watch.masks[-1])


def test_rigl_grows_where_the_loss_falls_and_from_zero(data, monkeypatch):
    seen = []
    whole = schedules.get("rigl").growth

    def growth(self, weights, evidence):
        scores = whole(self, weights, evidence)
        seen.append(any((score[weights[name] != 0] > 0).any() for name, score in scores.items()))
        return scores

    monkeypatch.setattr(schedules.get("rigl"), "growth", growth)
    compress_and_train(tiny.network(), recipe("rigl", rounds=2, quantized=False), data)
    assert seen == [True, True]


def test_the_lottery_rewinds_to_the_given_network(data, monkeypatch):
    """With a learning rate of nearly nothing, the survivors stay where they were given."""
    given = tiny.network()
    crawl = PLAN.model_copy(update={"learning_rate": 1e-12})
    plan = recipe("lottery_ticket", rounds=2, quantized=False).model_copy(update={"training": crawl})
    ticket = compress_and_train(given, plan, data)
    for name, layer in synaptic_layers(ticket).items():
        expected = given.get_submodule(name).weight * compressed_weight(layer).mask
        torch.testing.assert_close(layer.weight, expected, atol=1e-9, rtol=0)
    fast = compress_and_train(given, recipe("lottery_ticket", rounds=5, quantized=False), data)
    norm, before = fast.features[0].norm, given.features[0].norm
    assert not torch.equal(norm.running_mean, before.running_mean)
    assert int(norm.num_batches_tracked) == 3, "the last round is one epoch of three batches"


def test_stages_restart_the_learning_rate_and_keep_what_was_learnt(data, monkeypatch):
    """The last stage is a training like the first, and starts where the one before it ended."""
    rates = []
    monkeypatch.setattr(
        "spareto.training.loop.phases", lambda *given: rates.append(list(given[1])) or phases(*given)
    )
    plan = recipe("staged", remaining=[0.75], quantized=False)
    staged = compress_and_train(tiny.network(), plan, data)
    ticket = compress_and_train(
        tiny.network(), recipe("lottery_ticket", remaining=[0.75], quantized=False), data
    )
    assert [sorted(starts) for starts in rates] == [[0, 2, 4], [0, 2, 4]], "three stages of two epochs"
    norms = [int(net.features[0].norm.num_batches_tracked) for net in (staged, ticket)]
    assert norms == [3 * 6, 3 * 2], "only the ticket forgets"


def test_a_seed_decides_random_masks(data):
    one, same, other = (
        compress_and_train(tiny.network(), recipe("one_shot", "random"), data, seed=seed)
        for seed in (1, 1, 2)
    )
    masks = [compressed_weight(network.features[0].conv).mask for network in (one, same, other)]
    assert torch.equal(masks[0], masks[1])
    assert not torch.equal(masks[0], masks[2])


def test_measuring_evidence_leaves_network_and_random_numbers_alone(data):
    network = tiny.network(dropout=0.5)
    before, generator = state_bytes(network), torch.get_rng_state()
    plan = Recipe(steps=(PruneStep(sparsity=0.5, pruner="snip"),))

    def loss(net):
        return net(torch.from_numpy(data.train_frames).float()).square().sum()

    one = compress(network, plan, run=loss)
    assert torch.equal(torch.get_rng_state(), generator)
    assert state_bytes(network) == before
    assert state_bytes(one) == state_bytes(compress(network, plan, run=loss))


def test_activity_is_the_share_of_inputs_that_spike(data):
    """Weights of a silent input go before any other, whatever their size."""
    frames = torch.from_numpy(data.train_frames).float()
    frames[:, :, 0] = 0
    plan = Recipe(steps=(PruneStep(sparsity=0.5, pruner="activity", scope="per_layer"),))
    pruned = compress(tiny.network(), plan, run=lambda net: net(frames).sum())
    mask = compressed_weight(pruned.features[0].conv).mask
    assert not mask[:, 0].any()
    assert mask[:, 1].all()


def test_grouped_convolutions_know_which_inputs_a_weight_meets():
    torch.manual_seed(0)
    layer = torch.nn.Sequential(torch.nn.Conv2d(4, 6, 3, groups=2))
    frames = torch.rand(2, 4, 5, 5)
    frames[:, 2] = 0
    plan = Recipe(steps=(PruneStep(sparsity=0.25, pruner="activity"),))
    mask = compressed_weight(compress(layer, plan, run=lambda net: net(frames).sum())[0]).mask
    assert not mask[3:, 0].any()
    assert int((mask == 0).sum()) == 27


@pytest.mark.parametrize(
    ("pruner", "schedule", "asks"),
    [
        ("snip", "one_shot", "gradients, which pruner 'snip'"),
        ("activity", "one_shot", "activity, which pruner 'activity'"),
    ],
)
def test_a_pruner_that_needs_data_without_data(pruner, schedule, asks):
    with pytest.raises(ConfigError) as error:
        compress(tiny.network(), recipe(schedule, pruner))
    cure = "Pass 'run' to spareto.compress, or --data to the command."
    assert str(error.value) == f"recipe.steps[0]: got no data; expected a way to measure {asks} needs. {cure}"


def test_a_schedule_that_would_break_a_pattern(data):
    with pytest.raises(ConfigError) as error:
        compress(tiny.network(), recipe("rigl", "n_of_m"))
    rule = "a schedule that regrows nothing, for pruner 'n_of_m' keeps a pattern"
    cure = "Use pruner 'magnitude', or schedule 'gradual'."
    assert str(error.value) == f"recipe.steps[0].schedule.name: got 'rigl'; expected {rule}. {cure}"


def test_an_unknown_schedule_or_option():
    with pytest.raises(UnknownName) as error:
        compress(tiny.network(), recipe("gradul"))
    known = ", ".join(schedules.names())
    assert str(error.value) == f"schedule: got 'gradul'; expected one of {known}. Did you mean 'gradual'?"
    with pytest.raises(ConfigError) as error:
        compress(tiny.network(), recipe("gradual", end=2))
    assert str(error.value) == (
        "recipe.steps[0].schedule.options.end: got 2; expected a share of the training above 0 and at most 1."
    )


@pytest.mark.parametrize("start", [0.0, 0.5])
def test_all_steps_say_what_is_wrong_at_once(start):
    steps = (PruneStep(sparsity=0.5, options={"sed": 1}, pruner="random"), QuantizeStep(bits=1, start=start))
    with pytest.raises(ConfigError) as error:
        compress(tiny.network(), Recipe(steps=steps))
    places = [problem.where for problem in error.value.problems]
    assert places[0] == "recipe.steps[0].options.sed"
    assert len(places) == 2


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5])
@pytest.mark.parametrize("batch_size", [3, 4])
def test_schedules_count_the_steps_that_training_takes(share, batch_size):
    data = tiny.frame_data()
    plan = TrainingPlan(epochs=2, batch_size=batch_size, validation_share=share)
    taken = []
    train(tiny.network(), data, plan, before_step=lambda network, step, steps: taken.append(steps))
    assert taken == [2 * steps_per_epoch(len(data.train_labels), plan)] * len(taken)
    assert len(taken) == taken[0]
