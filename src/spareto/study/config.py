"""What a study is, as data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from spareto import recipes
from spareto.core.artifacts import fingerprint
from spareto.core.config import Record, Rule, load_data
from spareto.records import DataPlan, Recipe, TrainingPlan
from spareto.records.recipe import Bits, Sparsity, StorageBits
from spareto.records.workload import Statistic

Seed = Annotated[int, Field(ge=0, strict=True), Rule("an integer of at least 0")]


class NetworkPlan(Record):
    """A network of our own zoo and its options; the data set gives `sensor` and `classes`."""

    name: str = "conv"
    options: dict[str, Any] = Field(default_factory=dict[str, Any])

    @model_validator(mode="after")
    def _check_options(self) -> Self:
        if given := [name for name in ("sensor", "classes") if name in self.options]:
            raise ValueError(f"options without {' and '.join(given)}, which the data set gives")
        return self


class Grid(Record):
    """All recipes of one regime over lists of widths and sparsities.

    Args:
        regime: `quantize` takes bits, `prune` takes sparsities, `cumulative` and `joint` take both.
        bits: Widths of a weight.
        sparsity: Shares of weights to remove, 0..1.
        storage_bits: Width at which weights that are only pruned are stored.
        training: Replaces the study's `compression_training` for these recipes.
    """

    regime: Literal["quantize", "prune", "cumulative", "joint"]
    bits: tuple[Bits, ...] = ()
    sparsity: tuple[Sparsity, ...] = ()
    storage_bits: StorageBits = recipes.PRUNED_STORAGE_BITS
    training: TrainingPlan | None = None

    @model_validator(mode="after")
    def _check_axes(self) -> Self:
        wants_bits, wants_sparsity = self.regime != "prune", self.regime != "quantize"
        if bool(self.bits) != wants_bits or bool(self.sparsity) != wants_sparsity:
            axes = {"quantize": "bits alone", "prune": "sparsity alone"}.get(self.regime, "bits and sparsity")
            raise ValueError(f"{axes} for the regime '{self.regime}'")
        return self

    def recipes(self, training: TrainingPlan) -> tuple[Recipe, ...]:
        """Every recipe of the grid, widths outermost; `training` holds unless the grid has its own."""
        match self.regime:
            case "quantize":
                made = [recipes.quantize(bits) for bits in self.bits]
            case "prune":
                made = [recipes.prune(sparsity, storage_bits=self.storage_bits) for sparsity in self.sparsity]
            case "cumulative":
                made = [recipes.cumulative(b, s) for b in self.bits for s in self.sparsity]
            case "joint":
                made = [recipes.joint(b, s) for b in self.bits for s in self.sparsity]
        return tuple(recipe.model_copy(update={"training": self.training or training}) for recipe in made)


class StudyConfig(Record):
    """One network on one data set, many recipes, one accelerator.

    Args:
        version: Version of this format.
        name: Name of the study; its run folder is `runs/<name>` unless said otherwise.
        data: The data set.
        network: The network.
        accelerator: Name of a built-in accelerator, or path of a YAML file.
        weight_formats: Formats the weights are costed in; a trial counts with the one that takes the least
            energy. `best` takes the best of all formats in each layer.
        spike_format: Format of spikes where the accelerator compresses them; None takes its own.
        statistic: Mean or maximum spiking activity over the test samples.
        seeds: The whole study runs once for each.
        training: How the dense network is trained.
        compression_training: How a grid's recipes are trained.
        grid: Recipes by regime.
        recipes: Recipe files, relative to the study file.
    """

    version: Literal[1] = 1
    name: str
    data: DataPlan = DataPlan()
    network: NetworkPlan = NetworkPlan()
    accelerator: str = "eyeriss_like"
    weight_formats: Annotated[tuple[str, ...], Field(min_length=1)] = ("none", "bitmask", "rle", "cp", "uop")
    spike_format: str | None = None
    statistic: Statistic = "mean"
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1)] = (0,)
    training: TrainingPlan = TrainingPlan()
    compression_training: TrainingPlan = TrainingPlan()
    grid: tuple[Grid, ...] = ()
    recipes: tuple[str, ...] = ()

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a study file; paths in it are relative to its folder.

        Raises:
            ConfigError: The file is missing, is not YAML, or breaks a rule.
        """
        config = cls.parse(load_data(path), "study")
        folder = Path(path).parent
        local = folder / config.accelerator
        return config.model_copy(
            update={
                "recipes": tuple(str(folder / name) for name in config.recipes),
                "accelerator": str(local) if local.is_file() else config.accelerator,
            }
        )

    def all_recipes(self) -> tuple[Recipe, ...]:
        """The dense network first, then the grid, then the recipe files.

        Raises:
            ConfigError: A recipe file is missing or breaks a rule.
        """
        made = [recipes.dense()]
        for grid in self.grid:
            made += grid.recipes(self.compression_training)
        made += [Recipe.load(name) for name in self.recipes]
        return tuple({recipe.hash: recipe for recipe in made}.values())

    def base_hash(self, data_hash: str) -> str:
        """Fingerprint of what every recipe starts from: data, network and dense training."""
        return fingerprint([data_hash, self.network.hash, self.training.hash])
