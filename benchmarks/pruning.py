"""Accuracy of every pruner and schedule at a sparsity that hurts, on the digits data set.

Not part of `python -m benchmarks`: with three seeds it trains for about ten minutes.

    python -m benchmarks.pruning [--sparsity 0.97] [--seeds 3]
"""

import argparse
import statistics

import torch
from torch import nn

from spareto import networks
from spareto.compression import compress_and_train
from spareto.data.load import FrameData, load_frames
from spareto.pruners import registry as pruners
from spareto.pruners.schedules import registry as schedules
from spareto.records import PruneStep, Recipe, SchedulePlan, TrainingPlan
from spareto.training import evaluate, train

DENSE = TrainingPlan(epochs=8, batch_size=32, learning_rate=0.01, warmup_epochs=1)
PRUNED = TrainingPlan(epochs=4, batch_size=32, learning_rate=0.005, warmup_epochs=1)
PATTERNS = ("channels", "n_of_m")  # their sparsity counts other things
OPTIONS = {"lottery_ticket": {"rounds": 3}}


def plans(sparsity: float) -> list[PruneStep]:
    """Every pruner of single weights with one mask, then magnitude with every other schedule."""
    one_shot = [PruneStep(pruner=name, sparsity=sparsity, floor=0.01) for name in pruners.names()]
    scheduled = [
        PruneStep(
            sparsity=sparsity, floor=0.01, schedule=SchedulePlan(name=name, options=OPTIONS.get(name, {}))
        )
        for name in schedules.names()
        if name != "one_shot"
    ]
    return [plan for plan in one_shot if plan.pruner not in PATTERNS] + scheduled


def dense_network(data: FrameData, seed: int) -> nn.Module:
    """The network all are pruned from."""
    torch.manual_seed(seed)
    network = networks.build("conv", sensor=data.info.sensor, classes=10, channels=(8, 16), votes=3)
    train(network, data, DENSE, seed=seed)
    return network


def main() -> None:
    """Print one line a pruner and schedule: mean and standard deviation over seeds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sparsity", type=float, default=0.97)
    parser.add_argument("--seeds", type=int, default=3)
    asked = parser.parse_args()
    data = load_frames("digits", timesteps=6)
    found: dict[str, list[float]] = {}
    for seed in range(asked.seeds):
        dense = dense_network(data, seed)
        found.setdefault("dense", []).append(evaluate(dense, data.test_frames, data.test_labels))
        for plan in plans(asked.sparsity):
            pruned = compress_and_train(dense, Recipe(steps=(plan,), training=PRUNED), data, seed=seed)
            right = evaluate(pruned, data.test_frames, data.test_labels)
            found.setdefault(f"{plan.pruner}, {plan.schedule.name}", []).append(right)
    for label, rights in found.items():
        spread = statistics.stdev(rights) if len(rights) > 1 else 0.0
        print(f"{label:<28} {statistics.mean(rights):6.1%} ± {spread:.1%}")


if __name__ == "__main__":
    main()
