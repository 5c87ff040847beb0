"""Deep deterministic policy gradient: an actor that says how much, and a critic that says how good."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

GAMMA, RATE, POLYAK, HIDDEN = 0.99, 1e-3, 0.95, 256


@dataclass(frozen=True)
class Transition:
    """One transition.

    Args:
        state: Shape (features,).
        action: Shape (actions,), each 0..1.
        reward: After the action.
        next_state: Shape (features,); anything where the episode has ended.
        ended: Whether it has.
    """

    state: Tensor
    action: Tensor
    reward: float
    next_state: Tensor
    ended: bool


class Actor(nn.Module):
    """Two hidden layers, whose last activations are the features, and one action per output, 0..1."""

    def __init__(self, states: int, actions: int, hidden: int = HIDDEN) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(states, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU())
        self.head = nn.Linear(hidden, actions)

    def features(self, state: Tensor) -> Tensor:
        """Shape `(batch, states)` to `(batch, hidden)`."""
        return self.body(state)

    def forward(self, state: Tensor) -> Tensor:
        """Shape `(batch, states)` to `(batch, actions)`."""
        return torch.sigmoid(self.head(self.features(state)))


class DDPG:
    """Actor, critic, and their slowly following targets.

    Args:
        states: Features of a state.
        actions: Actions, each 0..1.

    Reference:
        lillicrap2016.
    """

    def __init__(self, states: int, actions: int) -> None:
        self.actor = Actor(states, actions)
        self.critic = nn.Sequential(
            nn.Linear(states + actions, HIDDEN),
            nn.ReLU(),
            nn.Linear(HIDDEN, HIDDEN),
            nn.ReLU(),
            nn.Linear(HIDDEN, 1),
        )
        self.targets = copy.deepcopy(self.actor), copy.deepcopy(self.critic)
        self._actor_optimizer = torch.optim.Adam(self.actor.parameters(), RATE)
        self._critic_optimizer = torch.optim.Adam(self.critic.parameters(), RATE)

    def value_targets(self, steps: list[Transition]) -> Tensor:
        """What the critic should have said: reward, and what the targets expect of the next state."""
        actor, critic = self.targets
        following = torch.stack([step.next_state for step in steps])
        going_on = torch.tensor([0.0 if step.ended else 1.0 for step in steps])
        rewards = torch.tensor([step.reward for step in steps])
        with torch.no_grad():
            values = critic(torch.cat([following, actor(following)], 1)).squeeze(1)
        return rewards + GAMMA * going_on * values

    def learn(self, steps: list[Transition]) -> None:
        """One step of critic and actor; then the targets follow."""
        states, actions = (torch.stack([getattr(s, name) for s in steps]) for name in ("state", "action"))
        values = self.critic(torch.cat([states, actions], 1)).squeeze(1)
        self._update(self._critic_optimizer, F.mse_loss(values, self.value_targets(steps)))
        gain = self.critic(torch.cat([states, self.actor(states)], 1)).mean()
        self._update(self._actor_optimizer, -gain)
        for target, source in zip(self.targets, (self.actor, self.critic), strict=True):
            follow(target, source, POLYAK)

    def _update(self, optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def follow(target: nn.Module, source: nn.Module, keep: float) -> None:
    """Move a target's parameters towards the source's; `keep` is the share of its own that stays."""
    with torch.no_grad():
        for mine, its in zip(target.parameters(), source.parameters(), strict=True):
            mine.mul_(keep).add_(its, alpha=1 - keep)
