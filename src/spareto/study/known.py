"""Trials by recipe and seed: taken from the store, or carried out and stored; nothing is done twice."""

from __future__ import annotations

from typing import Literal

from torch import nn

from spareto.compression.layers import touched_layers
from spareto.records import LayerFilter, Recipe, Trial, Workload
from spareto.study.store import TrialStore
from spareto.study.trials import TrialRunner
from spareto.training import Listener


class KnownTrials:
    """Carries out what is not in the store yet.

    Args:
        runner: Trains, measures and costs.
        store: Where finished trials are.
    """

    def __init__(self, runner: TrialRunner, store: TrialStore) -> None:
        self.runner, self.store = runner, store
        self._dense: dict[int, nn.Module] = {}

    def dense(self, seed: int) -> nn.Module:
        """The trained dense network of a seed, loaded or trained once."""
        if seed not in self._dense:
            self._dense[seed] = self.runner.dense_network(seed)
        return self._dense[seed]

    def forget(self, seed: int) -> None:
        """Free the memory of a seed's dense network."""
        self._dense.pop(seed, None)

    def layers(self, seed: int) -> list[str]:
        """Names of the layers that recipes can touch, in network order."""
        return list(touched_layers(self.dense(seed), LayerFilter()))

    def workload(self, recipe: Recipe, seed: int) -> Workload:
        """The workload of a trial that is in the store."""
        return Workload.load(self.runner.folder.workload(recipe, seed, self.runner.key(recipe, seed)))

    def has(self, recipe: Recipe, seed: int) -> bool:
        """Whether a trial is in the store."""
        return self.runner.key(recipe, seed) in self.store

    def trial(
        self,
        recipe: Recipe,
        seed: int,
        stage: Literal["result", "search"] = "result",
        watch: Listener | None = None,
    ) -> Trial:
        """The trial of a recipe with a seed; in the store, and costed on the accelerator as it is now.

        Args:
            recipe: What to carry out.
            seed: With which seed.
            stage: What it is for; a trial that showed the way may become a result, never the reverse.
            watch: Is told the validation accuracy after every epoch; what it raises ends the training.
        """
        key = self.runner.key(recipe, seed)
        known = found = self.store.get(key)
        if found is None:
            found = self.runner.run(self.dense(seed), recipe, seed, watch).replace(stage=stage)
        elif found.manifest.accelerator_hash != self.runner.costing.hash:
            found = self.runner.recost(found)
        if stage == "result" and found.stage != "result":
            found = found.replace(stage="result")
        if found is not known:
            self.store.put(key, found)
        self.runner.discard_checkpoint(recipe, seed)  # also one that a killed run had no time to
        self.runner.listener.trial_ends(found, reused=known is not None)
        return found
