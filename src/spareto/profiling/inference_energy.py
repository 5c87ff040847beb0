"""What an inference of a network takes on some accelerators: one call from the network to the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from inspect import signature
from typing import Any

from torch import nn

from spareto.core.arguments import of_kind
from spareto.core.errors import ConfigError, InputError, Problem, did_you_mean, one_of
from spareto.hardware import CHEAPEST, Chip, cost
from spareto.hardware.accelerators import AnyChip, chip_of
from spareto.profiling.energy_text import text_of
from spareto.profiling.profiler import Profile, profile
from spareto.records import Cost, Workload
from spareto.records.workload import Statistic


@dataclass(frozen=True)
class Energy:
    """The measured network, and what an inference of it costs; printed, it is a table.

    Args:
        profile: Accuracy and workload.
        costs: Cost by the accelerator's name.
        refused: Why an accelerator cannot run the network, by its name.
    """

    profile: Profile
    costs: Mapping[str, Cost]
    refused: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def workload(self) -> Workload:
        """What was measured; `spareto.cost` takes it to any other accelerator."""
        return self.profile.workload

    @property
    def microjoules(self) -> dict[str, float]:
        """Energy of one inference by the accelerator's name, µJ."""
        return {name: cost.energy_pj * 1e-6 for name, cost in self.costs.items()}

    def __getitem__(self, accelerator: str) -> Cost:
        return self.costs[accelerator]

    def __str__(self) -> str:
        return text_of(self.profile.accuracy, self.workload, self.costs, self.refused)

    def __repr__(self) -> str:
        right = self.profile.accuracy
        told = [] if right is None else [f"accuracy {100 * right:.1f} %"]
        told += [f"{name} {amount:.3g} µJ" for name, amount in self.microjoules.items()]
        return f"Energy({self.workload.network}: {', '.join(told)})"


def energy(
    network: nn.Module,
    frames: Any,
    labels: Any = None,
    *,
    on: AnyChip | Sequence[AnyChip] = "eyeriss_like",
    weight_format: str = CHEAPEST,
    spike_format: str | None = None,
    statistic: Statistic = "mean",
    show: bool = True,
    **options: Any,
) -> Energy:
    """Measure a spiking network of any framework, and cost one inference on accelerators.

    Args:
        network: Any spiking network; see `spareto.profile`.
        frames: Shape `(time, samples, ...)`; also `(samples, time, ...)` or `(samples, ...)`; or a torch
            `Dataset` or `DataLoader` of frames and labels.
        labels: Shape `(samples,)`; without them there is no accuracy.
        on: Accelerators: names, YAML files of your own, or what `load_accelerator` gives.
        weight_format: How weights are stored, as in `spareto.cost`: the cheapest format by default.
        spike_format: How spikes are stored; the accelerator's own by default.
        statistic: Charge the mean or the maximum spiking activity.
        show: Print the table.
        options: What else `spareto.profile` takes: `time`, `output`, `vote`, `reset`, `neurons`, ...

    Returns:
        Workload and costs; `str` of it is the table.

    Raises:
        ConfigError: The network cannot be counted, or no accelerator can run it.
        UnknownName: No such accelerator or format.

    Example:
        >>> import torch, spareto
        >>> from spareto.neurons import registry
        >>> network = torch.nn.Sequential(torch.nn.Linear(8, 4), registry.make("lif"))
        >>> frames = torch.ones(5, 3, 8)
        >>> found = spareto.energy(network, frames, layout="time-first", show=False)
        >>> list(found.costs)
        ['eyeriss_like']
    """
    _refuse_unknown(options)
    rule, cure = "names of accelerators or files", "Write on=['eyeriss_like', 'loihi_like']."
    named = [on] if isinstance(on, AnyChip) else list(of_kind(on, Sequence, "on", rule, cure))
    if not named:
        raise ConfigError(Problem("on", "no accelerator", "at least one", "Name one: on='eyeriss_like'."))
    chips = [chip_of(each, f"on[{place}]") for place, each in enumerate(named)]
    measured = profile(network, frames, labels, **options)
    stored = {"weight_format": weight_format, "spike_format": spike_format, "statistic": statistic}
    costs, refused = _costs(measured.workload, chips, stored)
    if not costs:
        raise ConfigError(problem for error in refused.values() for problem in error.problems)
    found = Energy(measured, costs, {name: str(error) for name, error in refused.items()})
    if show:
        print(found)
    return found


def _refuse_unknown(options: Mapping[str, Any]) -> None:
    known = [name for name in signature(profile).parameters if name not in ("network", "frames", "labels")]
    ConfigError.if_any(
        Problem("energy", f"{name}={value!r}", one_of(known), did_you_mean(name, known))
        for name, value in options.items()
        if name not in known
    )


def _costs(
    workload: Workload, chips: Sequence[Chip], stored: Mapping[str, Any]
) -> tuple[dict[str, Cost], dict[str, InputError]]:
    """Costs by accelerator, and the errors of those that cannot run the network."""
    costs: dict[str, Cost] = {}
    refused: dict[str, InputError] = {}
    for chip in chips:
        try:
            costs[chip.name] = cost(workload, chip, **stored)
        except InputError as error:
            refused[chip.name] = error
    return costs, refused
