"""Rainbow: a distributional, double, duelling, noisy Q-network with n-step returns."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spareto.study.search.agent.noisy import NoisyLinear

GAMMA, RATE, STEPS, ATOMS, HIDDEN, SYNC = 0.99, 5e-4, 3, 51, 256, 100
LOWEST, HIGHEST = -2.0, 1.0
"""Returns the distribution can tell: a reward is at most 1, the whole energy saved."""


@dataclass(frozen=True)
class Jump:
    """A transition over up to n steps.

    Args:
        state: Shape (features,).
        choice: Which kind was chosen.
        gain: Discounted sum of the rewards on the way.
        next_state: Where it ended; anything if the episode did.
        discount: Of what follows; 0 if the episode ended.
    """

    state: Tensor
    choice: int
    gain: float
    next_state: Tensor
    discount: float


def jumps(states: Sequence[Tensor], choices: Sequence[int], rewards: Sequence[float]) -> list[Jump]:
    """The n-step transitions of one whole episode, one from each state."""
    made: list[Jump] = []
    for first, state in enumerate(states):
        last = min(first + STEPS, len(states))
        gain = sum(GAMMA ** (place - first) * rewards[place] for place in range(first, last))
        ended = last == len(states)
        following = state if ended else states[last]
        made.append(Jump(state, choices[first], gain, following, 0.0 if ended else GAMMA**STEPS))
    return made


class QNetwork(nn.Module):
    """Probability of each of the returns `support`, a kind each: a value, and what each kind adds to it."""

    support: Tensor

    def __init__(self, inputs: int, kinds: int) -> None:
        super().__init__()
        self.kinds = kinds
        self.body = nn.Sequential(nn.Linear(inputs, HIDDEN), nn.ReLU())
        self.value = nn.Sequential(NoisyLinear(HIDDEN, HIDDEN), nn.ReLU(), NoisyLinear(HIDDEN, ATOMS))
        self.advantage = nn.Sequential(
            NoisyLinear(HIDDEN, HIDDEN), nn.ReLU(), NoisyLinear(HIDDEN, kinds * ATOMS)
        )
        self.register_buffer("support", torch.linspace(LOWEST, HIGHEST, ATOMS))

    def forward(self, x: Tensor) -> Tensor:
        """Shape `(batch, inputs)` to log-probabilities `(batch, kinds, atoms)`."""
        hidden = self.body(x)
        advantage = self.advantage(hidden).view(-1, self.kinds, ATOMS)
        value = self.value(hidden).unsqueeze(1)
        return F.log_softmax(value + advantage - advantage.mean(1, keepdim=True), dim=2)

    def expected(self, x: Tensor) -> Tensor:
        """Expected return of each kind, shape `(batch, kinds)`."""
        return (self(x).exp() * self.support).sum(2)

    def draw(self) -> None:
        """Draw other noise in every noisy layer."""
        for part in self.modules():
            if isinstance(part, NoisyLinear):
                part.draw()


def projected(probabilities: Tensor, gains: Tensor, discounts: Tensor, support: Tensor) -> Tensor:
    """The distribution of gain + discount · return, put onto the support.

    Args:
        probabilities: Of the returns, shape (batch, atoms).
        gains: Shape (batch,).
        discounts: Shape (batch,).
        support: The returns, equally spaced, shape (atoms,).

    Reference:
        bellemare2017, algorithm 1.
    """
    low, high, atoms = float(support[0]), float(support[-1]), len(support)
    moved = (gains[:, None] + discounts[:, None] * support).clamp(low, high)
    places = ((moved - low) / (high - low) * (atoms - 1)).clamp(0, atoms - 1)
    below = places.floor()
    share = places - below
    found = torch.zeros_like(probabilities)
    found.scatter_add_(1, below.long(), probabilities * (1 - share))
    return found.scatter_add_(1, places.ceil().long(), probabilities * share)


class Rainbow:
    """Chooses one of several kinds.

    Args:
        inputs: Features of a state.
        kinds: How many kinds there are.

    Reference:
        hessel2018.
    """

    def __init__(self, inputs: int, kinds: int) -> None:
        self.network = QNetwork(inputs, kinds)
        self.target = copy.deepcopy(self.network)
        self._optimizer = torch.optim.Adam(self.network.parameters(), RATE)
        self._learnt = 0

    def choose(self, state: Tensor) -> int:
        """The kind of the highest expected return; the noise of the network explores."""
        self.network.draw()
        with torch.no_grad():
            return int(self.network.expected(state[None]).argmax(1))

    def learn(self, batch: Sequence[Jump], weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """One step; returns the error of each transition."""
        self.network.draw()
        self.target.draw()
        states, following = (
            torch.stack([getattr(j, name) for j in batch]) for name in ("state", "next_state")
        )
        gains, discounts = (torch.tensor([getattr(j, name) for j in batch]) for name in ("gain", "discount"))
        rows = torch.arange(len(batch))
        with torch.no_grad():  # double: the network chooses, its target judges
            best = self.network.expected(following).argmax(1)
            judged = self.target(following).exp()[rows, best]
            wanted = projected(judged, gains, discounts, self.network.support)
        given = self.network(states)[rows, torch.tensor([jump.choice for jump in batch])]
        errors = -(wanted * given).sum(1)
        self._optimizer.zero_grad()
        (errors * torch.from_numpy(weights).float()).mean().backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 10.0)
        self._optimizer.step()
        self._learnt += 1
        if self._learnt % SYNC == 0:
            self.target.load_state_dict(self.network.state_dict())
        return errors.detach().double().numpy()
