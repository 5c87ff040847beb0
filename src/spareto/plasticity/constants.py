"""A plan's numbers as the kernel and its slow twin take them: rates per timestep of 1 ms, in float32."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from spareto.kernels.local import COEFFICIENTS, SHAPE
from spareto.records.plasticity import PlasticityPlan, Population


@dataclass(frozen=True)
class Constants:
    """What one timestep is computed with.

    Args:
        k: The coefficients, float32, in the order of `COEFFICIENTS`.
        shape: Whole numbers, int64, in the order of `SHAPE`.
    """

    k: Tensor
    shape: Tensor

    def __getattr__(self, name: str) -> Any:
        if name in COEFFICIENTS:
            return self.k[COEFFICIENTS.index(name)].item()
        if name in SHAPE:
            return int(self.shape[SHAPE.index(name)])
        raise AttributeError(name)


def constants(plan: PlasticityPlan, inputs: int, neurons: int) -> Constants:
    """The constants of a network of so many inputs and neurons."""
    own, inner, learning, formats = plan.excitatory, plan.inhibition, plan.learning, plan.fixed_point
    population = inner if isinstance(inner, Population) else Population()
    values = {
        "rest": own.rest_mv,
        "reset": own.reset_mv,
        "threshold": own.threshold_mv,
        "decay": math.exp(-1 / own.tau_ms),
        "theta_plus": own.offset_mv,
        "theta_decay": math.exp(-1 / own.offset_tau_ms),
        "inhibition": inner.strength_mv,
        "trace_decay": math.exp(-1 / learning.trace_ms),
        "rate_pre": learning.pre_rate,
        "rate_post": learning.post_rate,
        "norm": learning.norm_share * inputs,
        "inner_rest": population.rest_mv,
        "inner_reset": population.reset_mv,
        "inner_threshold": population.threshold_mv,
        "inner_decay": math.exp(-1 / population.tau_ms),
        "excitation": population.excitation_mv,
        "spike_threshold": learning.spike_threshold,
        "weight_scale": 0.0 if formats is None else 1 / formats.step("weights"),
        "weight_high": 1.0 if formats is None else min(1.0, formats.highest("weights")),
        "state_scale": 0.0 if formats is None else 1 / formats.step("states"),
        "state_low": 0.0 if formats is None else -formats.highest("states") - formats.step("states"),
        "state_high": 0.0 if formats is None else formats.highest("states"),
    }
    whole = {
        "T": plan.coding.duration_ms,
        "M": inputs,
        "N": neurons,
        "refractory": own.refractory_ms,
        "inner_refractory": population.refractory_ms,
        "window": learning.window_ms,
        "inner": isinstance(inner, Population),
        "one_spike": own.one_spike,
        "active": learning.depresses == "active",
    }
    return Constants(
        torch.tensor([values[name] for name in COEFFICIENTS], dtype=torch.float32),
        torch.tensor([int(whole[name]) for name in SHAPE], dtype=torch.int64),
    )
