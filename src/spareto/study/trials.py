"""Carry out one recipe with one seed: train, profile, cost."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from spareto.compression import compress_and_train, rehearse
from spareto.compression.prefix import prefix_of
from spareto.compression.run import CALIBRATION_SAMPLES, compress_and_calibrate
from spareto.core.artifacts import fingerprint, there
from spareto.core.versions import versions
from spareto.data.mapped import in_steps
from spareto.hardware.bops import layer_bops
from spareto.kernels import kernels_on
from spareto.layers import decisions_of
from spareto.profiling import Profile, profile
from spareto.profiling.witness import Witness
from spareto.records import Layer, LayerSummary, Manifest, Recipe, Trial, Workload
from spareto.study.builders import Builder
from spareto.study.code import training_code
from spareto.study.config import StudyConfig
from spareto.study.cost_model import CostModel
from spareto.study.details import curve_of, details_of, witness_of
from spareto.study.folder import DENSE, RunFolder
from spareto.study.listener import StudyListener
from spareto.study.networks import save_network
from spareto.study.prefixes import SharedPrefix
from spareto.study.splits import StudyData
from spareto.training import EpochReport, Listener, best_path, train


@dataclass(frozen=True)
class TrialRunner:
    """Everything the trials of one study share; `code` is whose trials theirs are equal to."""

    config: StudyConfig
    data: StudyData
    builder: Builder
    costing: CostModel
    folder: RunFolder
    listener: StudyListener
    device: torch.device
    code: str = field(default_factory=training_code)

    @property
    def base_hash(self) -> str:
        """Fingerprint of what every recipe starts from."""
        return self.config.base_hash(self.data.hash, self.builder.hash, self.code)

    def key(self, recipe: Recipe, seed: int) -> str:
        """The trial's name in the store: equal keys mean equal networks."""
        return fingerprint([self.base_hash, recipe.hash, seed])

    def prefix(self, recipe: Recipe, seed: int, *, watched: bool = False) -> SharedPrefix | None:
        """The first epochs of a training that others may have in common with it; None where it has none.

        A training that is watched knows accuracies of its epochs that others do not.
        """
        found = prefix_of(recipe)
        if found is None:
            return None
        key = fingerprint([self.base_hash, found.hash, seed, watched])
        return SharedPrefix(found.epochs, key, self.folder, self.key(recipe, seed))

    def dense_network(self, seed: int) -> nn.Module:
        """The trained full-precision network of a seed: trained once, reloaded ever after."""
        torch.manual_seed(seed)
        network, _ = self.builder.build(self.data.train.info)
        network.to(self.device)  # the weights were drawn where every device draws the same
        train(
            network,
            self.data.train,
            self.config.dense_training,
            seed=seed,
            interface=self.builder.interface,
            checkpoint=self.folder.dense(self.base_hash, seed),
            key=fingerprint([self.base_hash, seed]),
            **self._told("dense network", seed),
        )
        if seed == self.config.seeds[0] and (ran := decisions_of(network)):  # none ran if it was reloaded
            self.listener.layers_ran(kernels_on(self.device.type), ran)
        return network

    def _told(self, label: str, seed: int, *also: Listener | None) -> dict[str, Any]:
        """What the listener hears of a training that begins now."""
        self.listener.training_begins(label, seed)
        silence = partial(self.listener.layer_is_silent, label, seed)

        def ends(report: EpochReport) -> None:
            self.listener.epoch_ends(report)
            for each in also:
                if each is not None:
                    each(report)

        return {"on_epoch": ends, "on_silence": silence}

    def run(
        self,
        dense: nn.Module,
        recipe: Recipe,
        seed: int,
        watch: Listener | None = None,
        on_epoch: Listener | None = None,
    ) -> Trial:
        """Train by the recipe, profile and cost; leaves the network and its workload in the run folder.

        A recipe whose training has no epochs is carried out without: batch norms are measured again.

        Args:
            dense: The network to start from.
            recipe: What to carry out.
            seed: Decides what is random.
            watch: Is told the validation accuracy after every epoch.
            on_epoch: Is told of every epoch; what it raises ends the training.
        """
        started = time.perf_counter()
        calibrated = bool(recipe.steps) and recipe.training.epochs == 0
        witness = Witness() if calibrated else witness_of(self.data.validation.labels)
        if calibrated:
            network = self._calibrated(dense, recipe, seed)
            measured = self.measured(network.cpu(), witness=witness)
        else:
            network = self._trained(dense, recipe, seed, watch, on_epoch)
            measured = self.measured(network.cpu(), witness=witness)
        artifacts = self._keep(network, measured.workload, recipe, seed)
        if not calibrated:  # of what only shows a search the way, no report tells more
            epochs = curve_of(self._checkpoint(recipe, seed))
            details = details_of(dense, network, self.data, measured.workload, witness, epochs)
            artifacts["details"] = self.folder.keep("details", recipe, seed, details.save)
        if recipe.regime == "dense" and there(self.folder.dense(self.base_hash, seed)):
            artifacts[DENSE] = self.folder.keep_dense(self.base_hash, seed)
        seconds = time.perf_counter() - started
        assert measured.accuracy is not None  # every split of a study has labels
        efficiency = {name: states.efficiency for name, states in witness.states.items()}
        found = measured.accuracy
        return self._trial(recipe, seed, found, measured.workload, seconds, artifacts, efficiency)

    def _calibrated(self, dense: nn.Module, recipe: Recipe, seed: int) -> nn.Module:
        samples = self.config.search.calibration if self.config.search else CALIBRATION_SAMPLES
        data, interface = self.data.train, self.builder.interface
        return compress_and_calibrate(dense, recipe, data, seed=seed, samples=samples, interface=interface)

    def _trained(
        self, dense: nn.Module, recipe: Recipe, seed: int, watch: Listener | None, on_epoch: Listener | None
    ) -> nn.Module:
        key, prefix = self.key(recipe, seed), self.prefix(recipe, seed, watched=watch is not None)
        if prefix is not None:
            prefix.begin(recipe.training.epochs, watch)
        kept = None if prefix is None else prefix.epoch_ends
        return compress_and_train(
            dense,
            recipe,
            self.data.train if watch is None else self.data.watched,
            seed=seed,
            checkpoint=self.folder.training(key) if recipe.training.epochs else None,
            key=key,
            interface=self.builder.interface,
            **self._told(recipe.label, seed, kept, on_epoch if watch is None else watch),
        )

    def _checkpoint(self, recipe: Recipe, seed: int) -> Path | None:
        """Where the training that a trial shows is kept: its own, or that of the dense network."""
        if recipe.training.epochs:
            return self.folder.training(self.key(recipe, seed))
        return self.folder.dense(self.base_hash, seed) if recipe.regime == "dense" else None

    def rehearse(self, network: nn.Module, recipe: Recipe) -> None:
        """Carry a recipe out without training, on two samples; keeps nothing.

        Raises:
            InputError: It does not fit the network, the data or the accelerator.
        """
        interface = self.builder.interface
        compressed = rehearse(network, recipe, self.data.train, interface=interface)
        self.costing(self.measured(compressed, samples=2).workload)

    def measured(
        self, network: nn.Module, samples: int | None = None, witness: Witness | None = None
    ) -> Profile:
        """Accuracy and workload on the first validation samples, or on all of them."""
        held_out = self.data.validation
        frames, labels = held_out.frames, held_out.labels[:samples]
        time_first = self.data.train.layout == "time-first"
        return profile(
            network,
            frames[:, :samples] if time_first else frames[:samples],
            labels,
            network_name=self.config.network.name,
            dataset=f"{self.data.train.name}, {held_out.name}",
            witness=witness,
            **self.way(),
        )

    def way(self) -> dict[str, Any]:
        """How a network is run that does not say so itself."""
        interface = self.builder.interface
        return {} if interface is None else {"interface": interface, "layout": self.data.train.layout}

    def recost(self, trial: Trial) -> Trial:
        """The trial costed afresh from its stored workload; trains nothing."""
        recipe, seed = trial.recipe, trial.manifest.seed
        workload = Workload.load(self.folder.file("workload", trial))
        known = trial.manifest.artifacts
        efficiency = {
            each.name: each.neural_efficiency for each in trial.layers if each.neural_efficiency is not None
        }
        found, seconds = trial.chosen_by, trial.seconds
        fresh = self._trial(recipe, seed, found, workload, seconds, known, efficiency)
        return fresh.replace(accuracy=trial.accuracy, stage=trial.stage)

    def _keep(self, network: nn.Module, workload: Workload, recipe: Recipe, seed: int) -> dict[str, str]:
        """Write network and workload; the SHA-256 of each."""
        info, plan, data = self.data.train.info, self.config.network, self.config.data

        def save(path: Path) -> None:
            save_network(path, network, plan, recipe, info.sensor, info.classes, data, self._frames())

        return {
            "network": self.folder.keep("network", recipe, seed, save),
            "workload": self.folder.keep("workload", recipe, seed, workload.save),
        }

    def _frames(self) -> dict[str, int | bool]:
        """How recordings became frames, for what runs the network elsewhere."""
        train = self.data.train
        if train.timesteps is None or train.train_frames.dtype != np.uint8:
            return {}
        frames = train.train_frames
        parts = (frames[some] for some in in_steps(len(frames), frames.nbytes))
        most = max([1, *(int(part.max(initial=0)) for part in parts)])
        facts = {"timesteps": train.timesteps, "duration_us": train.info.duration_us}
        return {**facts, "binary": most == 1, "most": most}

    def _trial(
        self,
        recipe: Recipe,
        seed: int,
        validation_accuracy: float,
        workload: Workload,
        seconds: float,
        artifacts: Mapping[str, str],
        efficiency: Mapping[str, float],
    ) -> Trial:
        return Trial(
            recipe=recipe,
            accuracy=None,
            validation_accuracy=validation_accuracy,
            weight_sparsity=workload.weight_sparsity,
            layers=tuple(summary(layer, efficiency.get(layer.name)) for layer in workload.layers),
            costs=self.costing(workload),
            seconds=seconds,
            manifest=Manifest(
                seed=seed,
                recipe_hash=recipe.hash,
                data_hash=self.data.hash,
                base_hash=self.base_hash,
                accelerator_hash=self.costing.hash,
                versions=versions(),
                artifacts=dict(artifacts),
            ),
        )

    def discard_checkpoint(self, recipe: Recipe, seed: int) -> None:
        """Remove a finished training's checkpoints."""
        path: Path = self.folder.training(self.key(recipe, seed))
        for stale in (path, best_path(path)):
            stale.unlink(missing_ok=True)


def summary(layer: Layer, efficiency: float | None = None) -> LayerSummary:
    """What a report says about one layer of a workload, and its neural efficiency if it was measured."""
    return LayerSummary(
        name=layer.name,
        weights=layer.weight_count,
        weight_bits=layer.weight_bits,
        weight_sparsity=layer.weight_sparsity,
        firing_rate_in=layer.input.nonzero_mean / (layer.input.size * layer.timesteps),
        firing_rate_out=layer.output.nonzero_mean / (layer.output.size * layer.timesteps),
        effectual_synops=layer.effectual_synops_mean,
        bit_operations=layer.effectual_synops_mean * layer.weight_bits * layer.input.bits,
        static_bops=layer_bops(layer),
        neural_efficiency=efficiency,
    )
