"""The parts of the learned search, each against its definition."""

import numpy as np
import pytest
import torch

from spareto.core.errors import ConfigError
from spareto.study.search.agent.ddpg import DDPG, GAMMA, POLYAK, Transition, follow
from spareto.study.search.agent.noisy import NoisyLinear
from spareto.study.search.agent.rainbow import STEPS, QNetwork, Rainbow, jumps, projected
from spareto.study.search.agent.replay import ReplayMemory
from spareto.study.search.samplers import LayerFacts, Outcome, SearchTask, registry
from spareto.study.search.samplers.learned import LearnedSampler
from spareto.study.search.space import Space

KINDS = ("conv2d", "conv2d", "linear")
PRUNERS = ["channels norm=l1", "bernoulli", "magnitude"]


def task(seed: int = 0, pruner: bool = True) -> SearchTask:
    layers = [
        LayerFacts(f"layer{place}", KINDS[place], 4 * place + 2, 3, 5, 5, 1, 3, 100 + place, 40.0)
        for place in range(3)
    ]
    own = {"bits": [2, 4, 8], "sparsity": {"from": 0.0, "to": 0.9, "step": 0.1}}
    space = Space.parse({"each_layer": {**own, **({"pruner": PRUNERS} if pruner else {})}}, "space")
    variables = space.variables([layer.name for layer in layers])

    def energy_of(name: str, bits: int, sparsity: float) -> float:
        return 40 * bits / 8 * (1 - sparsity)

    return SearchTask(variables, ["max", "min"], 0, 10, seed, (), layers, energy_of, 120.0, 0.95)


def begun(seed: int = 0, pruner: bool = True, **options) -> LearnedSampler:
    sampler = registry.make("learned", **{"warm_up": 2, "updates": 3, **options})
    sampler.begin(task(seed, pruner))
    return sampler


def outcome_of(point) -> Outcome:
    energy = sum(40 * point[f"layer{k}:bits"] / 8 * (1 - point[f"layer{k}:sparsity"]) for k in range(3))
    accuracy = 0.95 - 0.2 * max(point[f"layer{k}:sparsity"] for k in range(3)) ** 4
    return Outcome((accuracy, energy), (), accuracy, energy)


def walked(sampler, count: int = 6) -> list[dict]:
    points = []
    for number in range(count):
        points.append(sampler.ask(number))
        sampler.tell(points[-1], outcome_of(points[-1]))
    return points


def test_the_same_seed_walks_the_same_way_whatever_else_is_drawn() -> None:
    one = walked(begun())
    torch.rand(1000)
    assert walked(begun()) == one
    assert walked(begun(seed=1)) != one


def test_the_global_generator_is_left_alone() -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    walked(begun(), 3)
    assert torch.equal(torch.rand(3), expected)


def test_what_the_discrete_head_sees_changes_with_the_actors_weights() -> None:
    sampler = begun()
    state = sampler._state(1, 0.2, 0.5)
    before = sampler.seen(state)
    assert sampler.rainbow.network.body[0].in_features == len(before)
    assert torch.equal(before[: len(state)], state)
    with torch.no_grad():
        sampler.ddpg.actor.body[0].weight.add_(0.1)
    after = sampler.seen(state)
    assert not torch.equal(after[len(state) :], before[len(state) :])
    with torch.no_grad():
        judged = [sampler.rainbow.network.eval().expected(seen[None]) for seen in (before, after)]
    assert not torch.equal(*judged)


def test_learning_moves_actor_critic_and_head() -> None:
    sampler = begun()
    parts = (sampler.ddpg.actor, sampler.ddpg.critic, sampler.rainbow.network)
    before = [[parameter.clone() for parameter in part.parameters()] for part in parts]
    walked(sampler, 4)
    for old, part in zip(before, parts, strict=True):
        assert any(not torch.equal(a, b) for a, b in zip(old, part.parameters(), strict=True))


def test_the_reward_is_energy_saved_less_accuracy_lost_beyond_the_tolerance() -> None:
    sampler = begun(penalty=10.0, tolerance=0.01)
    assert sampler.reward(Outcome((), (), 0.95, 60.0)) == pytest.approx(0.5)
    assert sampler.reward(Outcome((), (), 0.94, 60.0)) == pytest.approx(0.5)
    assert sampler.reward(Outcome((), (), 0.84, 60.0)) == pytest.approx(0.5 - 10 * 0.1)
    assert sampler.reward(None) == -1.0


def test_without_pruners_there_is_no_head_and_other_spaces_are_refused() -> None:
    assert begun(pruner=False).rainbow is None
    (point,) = walked(begun(pruner=False), 1)
    assert set(point) == {f"layer{k}:{field}" for k in range(3) for field in ("bits", "sparsity")}
    sampler = registry.make("learned")
    broken = task()
    other = Space.parse({"bits": [2, 4]}, "space").variables([])
    with pytest.raises(ConfigError, match="for sampler 'learned': got variables bits"):
        sampler.begin(SearchTask(other + tuple(broken.variables), ["max"], 0, 1, 0, (), broken.layers))
    with pytest.raises(ConfigError, match=r"sampler 'learned'.penalty: got -1"):
        registry.make("learned", penalty=-1)


def test_priorities_decide_how_often_and_weights_take_it_back() -> None:
    replay: ReplayMemory[int] = ReplayMemory(alpha=0.5, beta=1.0)
    for item in range(4):
        replay.add(item)
    replay.surprise([0, 1, 2, 3], np.array([16.0, 4.0, 1.0, 1.0]))
    assert replay.probabilities() == pytest.approx(np.array([4, 2, 1, 1]) / 8, rel=1e-5)
    places, items, weights = replay.sample(4000, np.random.default_rng(0))
    assert places == items
    assert np.bincount(items) / 4000 == pytest.approx([0.5, 0.25, 0.125, 0.125], abs=0.03)
    shares = {item: weights[places.index(item)] for item in range(4)}
    assert shares[0] / shares[2] == pytest.approx(0.25, rel=1e-4)  # 1 / (N P)


def test_the_oldest_make_room() -> None:
    replay: ReplayMemory[int] = ReplayMemory(capacity=2)
    for item in range(3):
        replay.add(item)
    assert sorted(set(replay.sample(50, np.random.default_rng(0))[1])) == [1, 2]


def test_a_distribution_moved_by_gain_and_discount_keeps_mass_and_mean() -> None:
    support = torch.linspace(-2, 1, 51)
    probabilities = torch.softmax(torch.randn(8, 51, generator=torch.Generator().manual_seed(0)), 1)
    gains, discounts = torch.linspace(-0.3, 0.3, 8), torch.linspace(0, 0.5, 8)
    moved = projected(probabilities, gains, discounts, support)
    assert torch.allclose(moved.sum(1), torch.ones(8), atol=1e-6)
    wanted = gains + discounts * (probabilities * support).sum(1)
    assert torch.allclose((moved * support).sum(1), wanted, atol=1e-5)
    ended = projected(probabilities[:1], torch.tensor([1.0]), torch.tensor([0.0]), support)
    assert ended[0, -1] == pytest.approx(1.0)


def test_n_step_returns_of_an_episode() -> None:
    states = [torch.tensor([float(k)]) for k in range(5)]
    made = jumps(states, [0, 1, 2, 3, 4], [0, 0, 0, 0, 1.0])
    assert [jump.gain for jump in made] == pytest.approx([0, 0, 0.99**2, 0.99, 1.0])
    assert [jump.discount for jump in made] == pytest.approx([0.99**STEPS] * 2 + [0.0] * 3)
    assert [float(jump.next_state) for jump in made[:2]] == [3.0, 4.0]


def test_the_critics_target_is_the_reward_and_the_discounted_rest() -> None:
    torch.manual_seed(0)
    agent, state = DDPG(3, 2), torch.rand(3)
    steps = [Transition(state, torch.rand(2), 0.5, torch.rand(3), ended) for ended in (True, False)]
    actor, critic = agent.targets
    rest = critic(torch.cat([steps[1].next_state, actor(steps[1].next_state)])[None]).item()
    assert agent.value_targets(steps).tolist() == pytest.approx([0.5, 0.5 + GAMMA * rest], rel=1e-5)
    target, source = torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)
    wanted = POLYAK * target.weight + (1 - POLYAK) * source.weight
    follow(target, source, POLYAK)
    assert torch.allclose(target.weight, wanted)


def test_noise_explores_in_training_alone_and_kinds_differ_by_their_advantage() -> None:
    torch.manual_seed(0)
    layer, x = NoisyLinear(4, 3), torch.rand(2, 4)
    first = layer(x)
    layer.draw()
    assert not torch.equal(layer(x), first)
    layer.eval()
    assert torch.equal(layer(x), torch.nn.functional.linear(x, layer.weight, layer.bias))
    network = QNetwork(4, 3).eval()
    assert torch.allclose(network(x).exp().sum(2), torch.ones(2, 3), atol=1e-5)


def test_a_rainbow_learns_which_kind_pays() -> None:
    torch.manual_seed(0)
    rainbow, state = Rainbow(2, 3), torch.tensor([0.3, 0.7])
    batch = [jump for kind in range(3) for jump in jumps([state], [kind], [0.8 if kind == 1 else -0.5])] * 8
    for _ in range(60):
        rainbow.learn(batch, np.ones(len(batch)))
    assert int(rainbow.network.eval().expected(state[None]).argmax()) == 1
