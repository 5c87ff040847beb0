"""A learned search: an agent walks the layers and chooses what of each goes, how, and how wide the rest is.

After Balaskas et al. 2023: the same class of method, with a reward and an energy model of our own, so it
reproduces no number of theirs. A DDPG actor gives the share to prune and the width, a Rainbow head that reads
the actor's features chooses the pruner. A proposal is an episode; nothing is trained inside it, and its
reward comes at its end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, cast

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from typing_extensions import override

from spareto.core.config import Rule
from spareto.core.errors import ConfigError, Problem
from spareto.study.search.agent.ddpg import DDPG, Transition
from spareto.study.search.agent.rainbow import Jump, Rainbow, jumps
from spareto.study.search.agent.replay import ReplayMemory
from spareto.study.search.samplers._base import LayerFacts, Outcome, Sampler, SearchTask
from spareto.study.search.samplers._optuna import derived_seed
from spareto.study.search.space import Point, Value, Variable

FACTS: Final = ("kind", "outputs", "inputs", "height", "width", "stride", "kernel", "weights", "energy_pj")
FIELDS: Final = ("sparsity", "bits", "pruner")
REFUSED: Final = -1.0
Amount = Annotated[float, Field(ge=0), Rule("a number of at least 0")]
Natural = Annotated[int, Field(ge=0), Rule("an integer of at least 0")]
"""Reward of a proposal that cannot be carried out."""


@dataclass(frozen=True)
class _Walk:
    """One episode: a state, an action and a kind a layer."""

    states: list[Tensor]
    actions: list[Tensor]
    seen: list[Tensor]
    kinds: list[int]


class LearnedSampler(Sampler):
    """DDPG and Rainbow, one episode a proposal.

    Every layer needs variables `sparsity` and `bits`; with variables `pruner` the discrete head chooses among
    their values, without them the recipe's pruner is the only one.

    Args:
        penalty: Reward lost a share of validation accuracy beyond `tolerance`, k.
        tolerance: Validation accuracy that may be lost for nothing, 0..1.
        warm_up: Episodes whose actions are drawn at random.
        noise: Standard deviation of the exploration after that, which decays by `decay` an episode.
        decay: See `noise`.
        updates: Steps of learning an episode.

    Raises:
        ConfigError: An option is no number that makes sense.

    Reference:
        balaskas2023, after; its state, action and menu, with energy from our hardware model and
        r = (1 − E/E0) − k · max(0, drop − tolerance) at the episode's end.
    """

    def __init__(
        self,
        penalty: Amount = 10.0,
        tolerance: Amount = 0.01,
        warm_up: Natural = 20,
        noise: Amount = 0.4,
        decay: Amount = 0.97,
        updates: Natural = 20,
    ) -> None:
        self._penalty, self._tolerance = float(penalty), float(tolerance)
        self._warm_up, self._noise, self._decay, self._updates = int(warm_up), noise, decay, int(updates)

    @override
    def begin(self, task: SearchTask) -> None:
        self._task, self._layers = task, [layer for layer in task.layers if self._of(task, layer.name)]
        self._variables = [self._of(task, layer.name) for layer in self._layers]
        self._refuse_others(task)
        self._facts = _scaled(self._layers)
        self._kinds = [variables.get("pruner") for variables in self._variables]
        states = self._facts.shape[1] + 4
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derived_seed(task.seed, -1))
            self.ddpg = DDPG(states, 2)
            most = max((len(kind.values) for kind in self._kinds if kind is not None), default=0)
            width = self.ddpg.actor.head.in_features
            self.rainbow = Rainbow(states + width, most) if most else None
        self._replay: ReplayMemory[Transition] = ReplayMemory(alpha=0.0)
        self._jumps: ReplayMemory[Jump] = ReplayMemory()
        self._generator = np.random.default_rng(task.seed)
        self._episode, self._walk = 0, _Walk([], [], [], [])

    @override
    def ask(self, number: int) -> Point | None:
        walk, point, removed, previous = _Walk([], [], [], []), Point(), 0.0, 0.0
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derived_seed(self._task.seed, number))
            for place, layer in enumerate(self._layers):
                state = self._state(place, removed, previous)
                action = self._act(state)
                values = self._decoded(place, action)
                seen = self.seen(state)
                kind = self._choose(place, seen)
                if kind is not None:
                    values["pruner"] = kind[1]
                for name, variable in self._variables[place].items():
                    point[variable.name] = values[name]
                walk.states.append(state)
                walk.actions.append(action)
                walk.seen.append(seen)
                walk.kinds.append(0 if kind is None else kind[0])
                left = self._task.energy_of(
                    layer.name, cast(int, values["bits"]), cast(float, values["sparsity"])
                )
                removed += (layer.energy_pj - left) / self._task.dense_energy_pj
                previous = float(action[0])
        self._walk = walk
        return point

    @override
    def tell(self, point: Point, outcome: Outcome | None) -> None:
        rewards = [0.0] * (len(self._layers) - 1) + [self.reward(outcome)]
        walk = self._walk
        for place, reward in enumerate(rewards):
            ended = place == len(rewards) - 1
            following = walk.states[place if ended else place + 1]
            self._replay.add(Transition(walk.states[place], walk.actions[place], reward, following, ended))
        for jump in jumps(walk.seen, walk.kinds, rewards):
            self._jumps.add(jump)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derived_seed(self._task.seed, -2 - self._episode))
            self._learn()
        self._episode += 1

    def reward(self, outcome: Outcome | None) -> float:
        """(1 − E/E0) − k · max(0, drop − tolerance)."""
        if outcome is None:
            return REFUSED
        drop = self._task.dense_accuracy - outcome.accuracy
        saved = 1 - outcome.energy_pj / self._task.dense_energy_pj
        return saved - self._penalty * max(0.0, drop - self._tolerance)

    def seen(self, state: Tensor) -> Tensor:
        """What the discrete head reads: the state, and the actor's features of it."""
        with torch.no_grad():
            return torch.cat([state, self.ddpg.actor.features(state[None])[0]])

    def _learn(self) -> None:
        size = min(128, len(self._replay))
        for _ in range(self._updates):
            _, steps, _ = self._replay.sample(size, self._generator)
            self.ddpg.learn(steps)
            if self.rainbow is not None:
                places, batch, weights = self._jumps.sample(size, self._generator)
                self._jumps.surprise(places, self.rainbow.learn(batch, weights))

    def _state(self, place: int, removed: float, previous: float) -> Tensor:
        """Layer facts, index, energy removed so far, energy left, previous action; all about 0..1."""
        index = place / max(1, len(self._layers) - 1)
        rest = sum(layer.energy_pj for layer in self._layers[place:]) / self._task.dense_energy_pj
        moving = torch.tensor([index, removed, rest, previous])
        return torch.cat([self._facts[place], moving])

    def _act(self, state: Tensor) -> Tensor:
        """The actor's action, and noise that keeps it within 0..1 (a truncated normal)."""
        if self._episode < self._warm_up:
            return torch.rand(2)
        with torch.no_grad():
            mean = self.ddpg.actor(state[None])[0]
        spread = self._noise * self._decay ** (self._episode - self._warm_up)
        noisy = torch.empty_like(mean)
        return torch.nn.init.trunc_normal_(noisy, 0.0, 1.0, -2.0, 2.0).mul_(spread).add_(mean).clamp_(0, 1)

    def _decoded(self, place: int, action: Tensor) -> dict[str, Value]:
        """The nearest values: the first action is the share to prune, the second the width."""
        return {
            name: _nearest(self._variables[place][name], float(share))
            for name, share in zip(("sparsity", "bits"), action, strict=True)
        }

    def _choose(self, place: int, seen: Tensor) -> tuple[int, Value] | None:
        variable = self._kinds[place]
        if variable is None or self.rainbow is None:
            return None
        kind = self.rainbow.choose(seen)
        return kind, variable.values[kind]

    @staticmethod
    def _of(task: SearchTask, layer: str) -> dict[str, Variable]:
        return {each.field: each for each in task.variables if each.layer == layer and each.field in FIELDS}

    def _refuse_others(self, task: SearchTask) -> None:
        """Refuse a space that an agent over layers cannot walk."""
        walked = [variable for own in self._variables for variable in own.values()]
        others = [variable.name for variable in task.variables if variable not in walked]
        lacking = [
            f"{layer.name}:{name}"
            for layer, own in zip(self._layers, self._variables, strict=True)
            for name in ("sparsity", "bits")
            if name not in own
        ]
        menus = {own["pruner"].values if "pruner" in own else () for own in self._variables}
        if others or lacking or not self._layers or len(menus) > 1:
            got = f"variables {', '.join(others)}" if others else f"no {', '.join(lacking) or 'one menu'}"
            rule = "sparsity and bits of every layer, and perhaps one menu of pruners for all of them"
            cure = "Write space: {each_layer: {bits: [...], sparsity: [...], pruner: [...]}}."
            raise ConfigError(Problem("study.search.space, for sampler 'learned'", got, rule, cure))


def _scaled(layers: Sequence[LayerFacts]) -> Tensor:
    """Facts of all layers, shape (layers, facts), each scaled to 0..1 over the layers."""
    kinds = sorted({layer.kind for layer in layers})
    rows: list[list[float]] = []
    for layer in layers:
        known: dict[str, Any] = {**vars(layer), "kind": kinds.index(layer.kind)}
        rows.append([float(known[name]) for name in FACTS])
    table = torch.tensor(rows)
    low, high = table.min(0).values, table.max(0).values
    return (table - low) / torch.where(high > low, high - low, 1.0)


def _nearest(variable: Variable, share: float) -> Value:
    """The value at a share of the way from the smallest to the largest."""
    values = sorted(cast("tuple[float, ...]", variable.values))
    wanted = values[0] + share * (values[-1] - values[0])
    return min(values, key=lambda value: abs(value - wanted))
