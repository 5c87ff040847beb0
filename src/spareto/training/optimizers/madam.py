"""Madam: weights change by a factor, so that their logarithm changes by a step."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from typing_extensions import override

from spareto.core.config import Rule
from spareto.core.errors import ConfigError, Problem
from spareto.records import TrainingPlan
from spareto.records.training import Flag, Positive
from spareto.training.optimizers._base import Optimizer, Parameters

LEAST: Final = 1e-30
"""Smallest magnitude: a weight that underflowed to zero would stay there."""

Decay = Annotated[float, Field(ge=0, lt=1, strict=True), Rule("a number from 0 to below 1")]
_log = logging.getLogger("spareto")


class Madam(Optimizer):
    """Multiplicative Adam: `log2|w|` moves by at most `bound` learning rates a step, whatever `|w|` is.

        v = beta·v + (1 − beta)·g²        ĝ = clip(g / √(v / (1 − beta^t)), ±bound), rounded if `whole`
        log2|w| −= lr·ĝ·sign(w)           |w| ≤ most·RMS(w₀)

    Signs never change, and a weight that is zero would never move. Biases, batch norms and scales, which may
    be zero and change sign, take Adam's steps.

    Args:
        beta: Memory of the squared gradients.
        bound: Largest normalized gradient.
        whole: Round the normalized gradient to a whole number, as the number system needs it.
        most: Largest weight, in units of the root mean square of the weights that the phase starts from.
        additive_rate: Peak learning rate of the other parameters.
        zeros: Refuse weights that are zero, or draw them anew.

    Reference:
        bernstein2020 (Madam); zhao2022 (LNS-Madam): base 2, whole normalized gradients.
    """

    beta: Decay = 0.999
    bound: Positive = 10.0
    whole: Flag = True
    most: Positive = 3.0
    additive_rate: Positive = 1e-3
    zeros: Literal["refuse", "reinitialise"] = "refuse"

    @override
    def make(self, parameters: Parameters, plan: TrainingPlan) -> torch.optim.Optimizer:
        if plan.weight_decay:
            rule, cure = "0 with optimizer 'madam', whose weights are bounded", "Leave it out."
            raise ConfigError(Problem("training.weight_decay", f"{plan.weight_decay:g}", rule, cure))
        self._without_zeros(parameters.weights)
        rule = {"beta": self.beta, "bound": self.bound, "whole": self.whole, "most": self.most}
        groups = [
            {"params": list(parameters.weights.values()), "multiplies": rule},
            {
                "params": list(parameters.others.values()),
                "lr_factor": self.additive_rate / plan.learning_rate,
            },
        ]
        return MultiplicativeAdam(groups, lr=plan.learning_rate, weight_decay=0.0)

    def _without_zeros(self, weights: Mapping[str, nn.Parameter]) -> None:
        """Leave no weight zero.

        Raises:
            ConfigError: Some are and shall not be drawn anew, or a layer has no other weight to say how.
        """
        found = {name: int((weight == 0).sum()) for name, weight in weights.items()}
        dead = [name for name, count in found.items() if count]
        refused = self.zeros == "refuse"
        hopeless = [name for name in dead if refused or not bool(weights[name].any())]
        if hopeless:
            rule = "weights other than zero, for Madam multiplies them"
            cure = "Set training.optimizer.options.zeros: reinitialise." if refused else "Initialise it."
            raise ConfigError(
                Problem(
                    f"weights '{name}'",
                    f"{found[name]:,} of {weights[name].numel():,} that are zero",
                    rule,
                    cure,
                )
                for name in hopeless
            )
        for name in dead:
            _draw_anew(weights[name])
            _log.info("spareto: madam: %d zero weights of '%s' were drawn anew.", found[name], name)


@torch.no_grad()
def _draw_anew(weight: nn.Parameter) -> None:
    """Zero weights become ± the smallest magnitude that is there: they change least, and can move."""
    dead = weight == 0
    generator = torch.Generator().manual_seed(weight.numel())
    signs = torch.randint(0, 2, weight.shape, generator=generator).to(weight) * 2 - 1
    weight.copy_(torch.where(dead, signs * weight[~dead].abs().min(), weight))


class MultiplicativeAdam(torch.optim.AdamW):
    """Multiplies the parameters of groups with a key `multiplies`; the others take AdamW's step."""

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """One step of all groups; see `Madam`."""
        groups = [group for group in self.param_groups if "multiplies" in group]
        held = [(weight, weight.grad) for group in groups for weight in group["params"]]
        for group in groups:
            self._multiply(group["params"], group["lr"], **group["multiplies"])
        for weight, _ in held:
            weight.grad = None  # AdamW leaves what has no gradient alone
        loss = super().step(closure)
        for weight, gradient in held:
            weight.grad = gradient
        return loss

    def _multiply(
        self,
        weights: Iterable[nn.Parameter],
        rate: float,
        beta: float,
        bound: float,
        whole: bool,
        most: float,
    ) -> None:
        for weight in weights:
            if weight.grad is None:
                continue
            state = self.state[weight]
            if not state:
                state["step"] = torch.zeros(())
                state["square"] = torch.zeros_like(weight)
                state["most"] = most * weight.square().mean().sqrt().clamp_min(LEAST)
            state["step"] += 1
            state["square"].mul_(beta).addcmul_(weight.grad, weight.grad, value=1 - beta)
            corrected = state["square"] / (1 - beta ** float(state["step"]))
            change = _normalized(weight.grad, corrected, bound)
            multiply(weight, change.round_() if whole else change, rate, state["most"])


def _normalized(gradient: Tensor, square: Tensor, bound: float) -> Tensor:
    """The gradient in units of its root mean square; 0 where there never was one."""
    change = gradient / square.sqrt()
    return torch.where(square > 0, change, 0.0).clamp_(-bound, bound)


@torch.no_grad()
def multiply(weight: Tensor, change: Tensor, rate: float, most: Tensor) -> None:
    """`log2|w| −= rate · change · sign(w)`, in place; magnitudes stay within `LEAST .. most`.

    Args:
        weight: Any shape, without zeros.
        change: Normalized gradient, same shape.
        rate: Octaves that a change of 1 moves a weight.
        most: Largest magnitude, scalar.
    """
    sign = weight.sign()
    size = weight.abs() * torch.exp2(change * sign * -rate)
    weight.copy_(sign * torch.minimum(size.clamp_min(LEAST), most))
