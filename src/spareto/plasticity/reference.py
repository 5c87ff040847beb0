"""The definition of local learning: plain torch, timestep by timestep. The kernel gives the same bits."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from spareto.kernels.local import COUNTS
from spareto.plasticity.coding import spikes as drawn
from spareto.plasticity.constants import Constants

Sums = Literal["events", "product"]


@dataclass
class _State:
    """What one sample leaves behind from timestep to timestep; all of shape `(N,)` but `pre`, `(M,)`."""

    v: Tensor
    resting: Tensor
    inner: Tensor
    inner_resting: Tensor
    pre: Tensor
    post: Tensor
    inhibiting: Tensor
    spiked: Tensor
    spikes: Tensor
    in_window: Tensor
    arriving: Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.int64))

    @classmethod
    def at_rest(cls, c: Constants) -> _State:
        real, whole = torch.zeros(c.N), torch.zeros(c.N, dtype=torch.int32)
        v, inner = torch.full((c.N,), c.rest), torch.full((c.N,), c.inner_rest)
        return cls(
            v=v,
            resting=whole.clone(),
            inner=inner,
            inner_resting=whole.clone(),
            pre=torch.zeros(c.M),
            post=real.clone(),
            inhibiting=real.clone(),
            spiked=real.bool(),
            spikes=whole.clone(),
            in_window=whole.clone(),
        )


def run(
    limits: Tensor,
    keys: Tensor,
    weight: Tensor,
    theta: Tensor,
    c: Constants,
    *,
    learns: bool,
    sums: Sums = "events",
) -> tuple[Tensor, Tensor]:
    """As `spareto.kernels.local.run`, slowly.

    Args:
        limits: See there, as the others.
        keys: See there.
        weight: See there.
        theta: See there.
        c: The constants.
        learns: See there.
        sums: Add the rows of the inputs that spiked one by one, as the kernel does, or as one matrix product,
            which rounds in another order.
    """
    samples = [_sample(*pair, weight, theta, c, learns, sums) for pair in zip(limits, keys, strict=True)]
    if not samples:
        return torch.empty((0, c.N), dtype=torch.int32), torch.empty((0, len(COUNTS)), dtype=torch.int64)
    spikes, counts = zip(*samples, strict=True)
    return torch.stack(spikes), torch.stack(counts)


def _sample(
    limit: Tensor, key: Tensor, weight: Tensor, theta: Tensor, c: Constants, learns: bool, sums: Sums
) -> tuple[Tensor, Tensor]:
    s = _State.at_rest(c)
    counts: dict[str, int] = dict.fromkeys(COUNTS, 0)
    for t in range(c.T):
        current = _current(s, weight, c, sums)
        sent = drawn(limit, key, t)
        crossed = _potentials(s, current, theta, c, learns)
        inner_spikes = _inhibit(s, c)
        s.spiked = _listed(crossed, c)
        if not c.inner:
            s.inhibiting = s.spiked.float()
        s.spikes += s.spiked
        s.in_window += s.spiked
        counts["inputs"] += len(sent)
        counts["spikes"] += int(s.spiked.sum())
        counts["inner_spikes"] += inner_spikes
        if learns:
            _learn(s, sent, weight, c, t, counts)
        s.arriving = sent
    if learns and c.norm > 0:
        every = c.window > 0 and not c.active and c.rate_pre != 0
        changed = torch.arange(c.N) if every else s.spikes.nonzero()[:, 0]
        _normalise(weight, changed, c)
        counts["columns"] = len(changed)
    return s.spikes, torch.tensor([counts[name] for name in COUNTS])


def _current(s: _State, weight: Tensor, c: Constants, sums: Sums) -> Tensor:
    """What spikes of the timestep before bring."""
    if sums == "product":
        pressing = torch.zeros(c.M)
        pressing[s.arriving] = 1
        current = pressing @ weight
    else:
        current = torch.zeros(c.N)
        for i in s.arriving.tolist():
            current += weight[i]
    pressing = s.inhibiting.sum()
    return current - c.inhibition * (pressing - s.inhibiting) if pressing else current


def _potentials(s: _State, current: Tensor, theta: Tensor, c: Constants, learns: bool) -> Tensor:
    """By how much neurons are above their threshold; those that are, are reset."""
    v = c.decay * (s.v - c.rest) + c.rest
    v = state(v + torch.where(s.resting > 0, torch.zeros(()), current), c)
    own = state(theta * c.theta_decay, c) if learns else theta
    over = v - (c.threshold + own)
    fires = over >= 0
    s.v = torch.where(fires, torch.tensor(c.reset), v)
    s.resting = torch.where(fires, c.refractory, (s.resting - 1).clamp(min=0))
    if learns:
        theta.copy_(torch.where(fires, state(own + c.theta_plus, c), own))
    return torch.where(fires, over, -torch.ones(()))


def _inhibit(s: _State, c: Constants) -> int:
    """The inhibitory population; its input is the spikes of the timestep before."""
    if not c.inner:
        return 0
    v = c.inner_decay * (s.inner - c.inner_rest) + c.inner_rest
    v = state(v + torch.where(s.inner_resting > 0, torch.zeros(()), c.excitation * s.spiked.float()), c)
    fires = v >= c.inner_threshold
    s.inner = torch.where(fires, torch.tensor(c.inner_reset), v)
    s.inner_resting = torch.where(fires, c.inner_refractory, (s.inner_resting - 1).clamp(min=0))
    s.inhibiting = fires.float()
    return int(fires.sum())


def _listed(over: Tensor, c: Constants) -> Tensor:
    """Who sends a spike: all above their threshold, or the one that is by most, the first of equal ones."""
    fires = over >= 0
    if not c.one_spike or not fires.any():
        return fires
    only = torch.zeros_like(fires)
    only[int(np.argmax(over.numpy()))] = True
    return only


def _learn(s: _State, sent: Tensor, weight: Tensor, c: Constants, t: int, counts: dict[str, int]) -> None:
    s.pre = state(s.pre * c.trace_decay, c)
    s.pre[sent] = 1
    if c.window:
        if (t + 1) % c.window == 0:
            most = int(s.spikes.max())
            k = math.ceil(most / c.spike_threshold) if c.spike_threshold and most else 1
            up, down = torch.tensor(float(k)) * torch.tensor(c.rate_post), -torch.tensor(c.rate_pre)
            depressed = s.spikes > 0 if c.active else torch.ones(c.N, dtype=torch.bool)
            gain = torch.where(s.in_window > 0, up, torch.where(depressed, down, torch.zeros(())))
            rows = s.pre.nonzero()[:, 0]
            weight[rows] = weights(weight[rows] + gain * s.pre[rows, None], c)
            s.in_window.zero_()
            counts["updates"] += 1
            counts["writes"] += len(rows) * int((gain != 0).sum())
        return
    s.post = state(s.post * c.trace_decay, c)
    s.post[s.spiked] = 1
    fired, live = s.spiked.nonzero()[:, 0], s.spikes.nonzero()[:, 0]
    for i in sent.tolist():
        weight[i, live] -= c.rate_pre * s.post[live]
    weight[:, fired] += c.rate_post * s.pre[:, None]
    changed = torch.zeros_like(weight, dtype=torch.bool)
    changed[sent[:, None], live] = True
    changed[:, fired] = True
    weight[changed] = weights(weight[changed], c)
    counts["updates"] += len(sent) + len(fired)
    counts["writes"] += len(sent) * len(live) + len(fired) * c.M


def _normalise(weight: Tensor, columns: Tensor, c: Constants) -> None:
    sums = np.add.accumulate(weight[:, columns].double().numpy(), axis=0)[-1]  # in order, as a loop adds
    gain = np.divide(c.norm, sums, out=np.ones_like(sums), where=sums > 0).astype(np.float32)
    made = weight[:, columns] * torch.from_numpy(gain)
    weight[:, columns] = weights(made, c) if c.weight_scale else made


def weights(w: Tensor, c: Constants) -> Tensor:
    """Weights as they are stored: from 0 to their largest value, rounded if there is a format."""
    w = (w * c.weight_scale).round() / c.weight_scale if c.weight_scale else w
    return w.clamp(0, c.weight_high)


def state(x: Tensor, c: Constants) -> Tensor:
    """States as they are stored."""
    if not c.state_scale:
        return x
    return ((x * c.state_scale).round() / c.state_scale).clamp(c.state_low, c.state_high)
