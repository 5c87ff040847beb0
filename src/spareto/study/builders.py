"""Where a study's networks come from: our zoo, or the user's own code."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import nn
from typing_extensions import override

from spareto import networks
from spareto.core.artifacts import fingerprint, there
from spareto.core.errors import ConfigError, Problem
from spareto.core.usercode import Code, find_code
from spareto.core.userfiles import digest
from spareto.core.userrandom import fixed_random
from spareto.data import DatasetInfo
from spareto.running import Interface
from spareto.study.config import NetworkPlan, OwnNetworkPlan
from spareto.study.content import content_of
from spareto.study.weights import load_weights


class Builder(ABC):
    """Makes fresh networks of one plan."""

    interface: Interface | None = None

    @property
    @abstractmethod
    def hash(self) -> str:
        """Fingerprint of everything the network follows from, but the random numbers."""

    @abstractmethod
    def build(self, info: DatasetInfo) -> tuple[nn.Module, tuple[str, ...]]:
        """A network with weights drawn from torch's global generator, or with its trained ones.

        Returns:
            The network, and what was found out, one sentence each.

        Raises:
            ConfigError: It cannot be made.
        """

    @property
    def parts(self) -> dict[str, str]:
        """What of the user's own it is made of, by name, with a fingerprint each."""
        return {}


class ZooBuilder(Builder):
    """Makes a network of our zoo for the data's sensor and classes."""

    def __init__(self, plan: NetworkPlan) -> None:
        self.plan = plan

    @property
    @override
    def hash(self) -> str:
        return self.plan.hash

    @override
    def build(self, info: DatasetInfo) -> tuple[nn.Module, tuple[str, ...]]:
        options = self.plan.options
        return networks.build(self.plan.name, sensor=info.sensor, classes=info.classes, **options), ()


class OwnBuilder(Builder):
    """Calls a function of the user's.

    Args:
        plan: Which one; paths from the working directory.
        option_place: How messages call its options.

    Raises:
        ConfigError: There is no such file or function.
    """

    def __init__(self, plan: OwnNetworkPlan, option_place: str = "network.options") -> None:
        self.plan, self.option_place = plan, option_place
        self.code: Code = find_code(plan.import_, Path(), "network")
        self.interface = Interface(plan.time, plan.output, plan.vote, _reset(plan.reset))

    @property
    def hash(self) -> str:
        """See `Builder`; taken once, so that a file that is changed under way changes nothing."""
        return self._hash

    @property
    def parts(self) -> dict[str, str]:
        """See `Builder`; taken once."""
        return self._parts

    @cached_property
    def _hash(self) -> str:
        plan = self.plan.model_dump(mode="json", exclude={"import_", "weights", "reset"})
        return fingerprint([plan, self.parts])

    @cached_property
    def _parts(self) -> dict[str, str]:
        found = {"code": f"{self.plan.name} {self.code.hash}", "content": content_of(self._made)}
        if self.plan.weights is not None:
            path = Path(self.plan.weights)
            found["weights"] = f"{path.name} {digest(path)}" if there(path) else path.name
        if self.plan.reset is not None and ":" in self.plan.reset:
            found["reset"] = find_code(self.plan.reset, Path(), "network.reset").hash
        elif self.plan.reset is not None:
            found["reset"] = self.plan.reset
        return found

    def build(self, info: DatasetInfo | None = None) -> tuple[nn.Module, tuple[str, ...]]:
        """See `Builder`; what other generators give follows from torch's seed."""
        network = self._made()
        if self.plan.weights is None:
            return network, ()
        return network, load_weights(network, Path(self.plan.weights))

    def _made(self) -> nn.Module:
        """What the function gives."""
        with fixed_random(torch.initial_seed()):
            network = self.code.call(self.plan.options, self.option_place)
        if not isinstance(network, nn.Module):
            got, cure = f"a {type(network).__name__}", "Return the network."
            if network is None:
                got = "nothing"
            elif isinstance(network, type):
                got, cure = f"the class {network.__name__}", f"Return {network.__name__}()."
            raise ConfigError(Problem(self.code.place, f"{got} from it", "a torch.nn.Module", cure))
        return network


def builder_of(plan: NetworkPlan | OwnNetworkPlan) -> Builder:
    """The builder of a plan."""
    return OwnBuilder(plan) if isinstance(plan, OwnNetworkPlan) else ZooBuilder(plan)


def _reset(spelling: str | None) -> Any:
    """A method's name or `none` as they are; a function of the user's by itself."""
    if spelling is None or ":" not in spelling:
        return spelling
    return find_code(spelling, Path(), "network.reset").load()
