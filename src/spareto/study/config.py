"""What a study is, as data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, TypeAlias, TypeVar

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, model_validator

from spareto import formats, recipes
from spareto.core.artifacts import fingerprint, there
from spareto.core.bounds import Seed
from spareto.core.config import Record, Rule, load_keys
from spareto.core.usercode import beside
from spareto.records import Recipe, TrainingPlan
from spareto.records.data import AnyData, DataPlan, FolderData, Import, ImportedData
from spareto.records.recipe import StorageBits
from spareto.records.steps.prune import Sparsity
from spareto.records.steps.quantize import Bits
from spareto.records.workload import Statistic
from spareto.study.objectives import ACCURACY_ENERGY, AnyConstraint, AnyObjective
from spareto.study.search.plan import SearchPlan

HeldOut = Annotated[
    float, Field(gt=0, lt=1, strict=True), Rule("a share above 0 and below 1", "Write a fifth as 0.2.")
]


LISTS: Final = {"data": "datasets", "network": "networks", "accelerator": "accelerators"}
"""What a study has one of, and the key that takes several."""

CodeAt: TypeAlias = Callable[[str, str], str]
"""Spells the name of a function another way; its place in messages comes second."""
FileAt: TypeAlias = Callable[[str], str]

LONGEST_NAME = 200
"""Bytes of a study's name; file systems hold 255."""


def _one_folder(name: str) -> str:
    if not name.strip(". ") or not name.isprintable() or set(name) & set("/\\"):
        raise ValueError
    if len(name.encode()) > LONGEST_NAME:
        raise ValueError
    return name


Name = Annotated[
    str,
    AfterValidator(_one_folder),
    Rule("a short name without slashes, which its run folder can have", "Choose another."),
]


def _once(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if len({each.hash if isinstance(each, Record) else each for each in values}) < len(values):
        raise ValueError("every value once")
    return values


ValueT = TypeVar("ValueT")
OnceEach: TypeAlias = Annotated[tuple[ValueT, ...], AfterValidator(_once)]


class NetworkPlan(Record):
    """A network of our own zoo and its options; the data set gives `sensor` and `classes`."""

    name: str = "conv"
    options: dict[str, Any] = Field(default_factory=dict[str, Any])

    @model_validator(mode="after")
    def _check_options(self) -> Self:
        if given := [name for name in ("sensor", "classes") if name in self.options]:
            raise ValueError(f"options without {' and '.join(given)}, which the data set gives")
        return self


class OwnNetworkPlan(Record):
    """A network that a function of the user's makes, in any framework.

    Args:
        import_: The function or class, `my_code.py:build`; a path is relative to the study file.
        options: What it is called with.
        weights: Its trained weights: a state dict in torch's format or safetensors, relative to the study
            file. The study then trains no dense network, unless `training` is written down.
        output: Which part of its output is the answer: the item of a tuple or the key of a dict.
        vote: How an answer over time becomes one a sample.
        time: What a call takes: `calls` one timestep, `time-batch` `(T, B, ...)`, `batch-time` `(B, T, ...)`.
        reset: What puts its state back: the name of a method, `none`, or a function `my_code.py:reset`.
    """

    import_: Import = Field(alias="import")
    options: dict[str, Any] = Field(default_factory=dict[str, Any])
    weights: str | None = None
    output: Annotated[int, Field(ge=-1000, le=1000)] | str | None = None
    vote: Literal["mean", "sum", "last", "max"] | None = None
    time: Literal["calls", "time-batch", "batch-time"] | None = None
    reset: str | None = None

    @property
    def name(self) -> str:
        """What tables and reports call it: `my_code.py:build`."""
        file, _, function = self.import_.rpartition(":")
        return f"{Path(file).name}:{function}"


def _kind(network: Any) -> str:
    own = isinstance(network, OwnNetworkPlan) or (isinstance(network, Mapping) and "import" in network)
    return "(own)" if own else "(zoo)"


def _spelled(network: Any) -> Any:
    """A bare text is the name of a network of ours, or `my_code.py:build`."""
    if isinstance(network, str):
        return {"import": network} if ":" in network or network.endswith(".py") else {"name": network}
    if not isinstance(network, Mapping | Record):
        raise ValueError("a name, or keys such as name, import and options")
    return network


def _written(recipe: Any) -> Any:
    """A file's name, or a recipe."""
    if not isinstance(recipe, str | Mapping | Recipe):
        raise ValueError("the name of a recipe's file, or a recipe")
    return recipe


AnyRecipe: TypeAlias = Annotated[
    Annotated[str, Tag("(file)")] | Annotated[Recipe, Tag("(recipe)")],
    Discriminator(lambda recipe: "(file)" if isinstance(recipe, str) else "(recipe)"),
    BeforeValidator(_written),
]
AnyNetwork: TypeAlias = Annotated[
    Annotated[NetworkPlan, Tag("(zoo)")] | Annotated[OwnNetworkPlan, Tag("(own)")],
    Discriminator(_kind),
    BeforeValidator(_spelled),
]


class RecipeGrid(Record):
    """All recipes of one regime over lists of widths and sparsities.

    Args:
        regime: `quantize` takes bits, `prune` takes sparsities, `cumulative` and `joint` take both.
        bits: Widths of a weight.
        sparsity: Shares of weights to remove, 0..1.
        storage_bits: Width at which weights that are only pruned are stored.
        training: Replaces the study's `compression_training` for these recipes.
    """

    regime: Literal["quantize", "prune", "cumulative", "joint"]
    bits: OnceEach[Bits] = ()
    sparsity: OnceEach[Sparsity] = ()
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
        return tuple(recipe.replace(training=self.training or training) for recipe in made)


class StudyConfig(Record):
    """One network on one data set, many recipes, one accelerator.

    Args:
        version: Version of this format.
        name: Name of the study; its run folder is `runs/<name>` unless said otherwise.
        data: A data set of ours by name, what a function of the user's returns, or a folder of files.
        network: A network of ours by name, or what a function of the user's makes.
        accelerator: Name of a built-in accelerator, or path of a YAML file.
        datasets: Several instead of `data`: a study of every combination, side by side;
            see `spareto.study.parts`.
        networks: The same instead of `network`.
        accelerators: The same instead of `accelerator`.
        weight_formats: Formats the weights are costed in; a trial counts with the one that takes the least
            energy. `best` takes the best of all formats in each layer.
        spike_format: Format of spikes where the accelerator compresses them; None takes its own.
        statistic: Mean or maximum spiking activity over the validation samples.
        seeds: The whole study runs once for each.
        validation_share: Share of each class of the training split that is held out: trials are compared on
            it, and the test split is opened once, when all of them are done.
        training: How the dense network is trained; left out for a network with weights, it is not.
        compression_training: How a grid's recipes are trained.
        grid: Recipes by regime.
        recipes: Recipe files, relative to the study file, or recipes written out.
        objectives: What trials are compared by.
        constraints: What a trial has to keep to be chosen by a search.
        search: Recipes that are found instead of listed; a study has a grid and recipe files, or a search.
    """

    version: Literal[1] = 1
    name: Name
    data: AnyData = DataPlan()
    network: AnyNetwork = NetworkPlan()
    accelerator: str = "eyeriss_like"
    datasets: OnceEach[AnyData] = ()
    networks: OnceEach[AnyNetwork] = ()
    accelerators: OnceEach[str] = ()
    weight_formats: Annotated[OnceEach[str], Field(min_length=1)] = formats.USUAL
    spike_format: str | None = None
    statistic: Statistic = "mean"
    seeds: Annotated[OnceEach[Seed], Field(min_length=1)] = (0,)
    validation_share: HeldOut = 0.2
    training: TrainingPlan = TrainingPlan()
    compression_training: TrainingPlan = TrainingPlan()
    grid: tuple[RecipeGrid, ...] = ()
    recipes: OnceEach[AnyRecipe] = ()
    objectives: Annotated[tuple[AnyObjective, ...], Field(min_length=1)] = ACCURACY_ENERGY
    constraints: tuple[AnyConstraint, ...] = ()
    search: SearchPlan | None = None

    @model_validator(mode="after")
    def _one_or_several(self) -> Self:
        for one, several in LISTS.items():
            if one in self.model_fields_set and getattr(self, several):
                raise ValueError(f"{one} or {several}, but not both")
        return self

    @model_validator(mode="after")
    def _listed_or_found(self) -> Self:
        if self.search is not None and (self.grid or self.recipes):
            raise ValueError("a search, or a grid and recipes, but not both")
        return self

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a study file; paths in it are relative to its folder.

        Raises:
            ConfigError: The file is missing, is not YAML, or breaks a rule.
        """
        config = cls.parse(load_keys(path), "study")
        folder = Path(path).parent
        places = _beside(folder)
        found: dict[str, Any] = {
            "recipes": tuple(
                str(folder / each) if isinstance(each, str) else each for each in config.recipes
            ),
            "accelerator": _chip_beside(config.accelerator, folder),
            "network": network_at(config.network, *places),
            "data": data_at(config.data, *places),
            "accelerators": tuple(_chip_beside(name, folder) for name in config.accelerators),
            "networks": tuple(network_at(plan, *places) for plan in config.networks),
            "datasets": tuple(data_at(plan, *places) for plan in config.datasets),
        }
        lists = {key: value for key, value in found.items() if key in LISTS or value}
        return config.replace(**{key: value for key, value in lists.items() if not _listed(config, key)})

    @property
    def dense_training(self) -> TrainingPlan:
        """How the dense network is trained: not at all if it has weights and nothing is said."""
        has_weights = isinstance(self.network, OwnNetworkPlan) and self.network.weights is not None
        if has_weights and "training" not in self.model_fields_set:
            return TrainingPlan(epochs=0)
        return self.training

    def all_recipes(self) -> tuple[Recipe, ...]:
        """The dense network first, then the grid, then the recipes.

        Raises:
            ConfigError: A recipe file is missing or breaks a rule, or a recipe does nothing.
        """
        made = [recipes.dense()]
        for grid in self.grid:
            made += grid.recipes(self.compression_training)
        for index, each in enumerate(self.recipes):
            file = each if isinstance(each, str) else None
            recipe = Recipe.load(each) if isinstance(each, str) else each
            recipe.refuse_idle(file or f"study.recipes[{index}]")
            made.append(recipe)
        return tuple({recipe.hash: recipe for recipe in made}.values())

    def base_hash(self, data_hash: str, network_hash: str = "", code: str = "") -> str:
        """Fingerprint of what every recipe starts from: data, their splits, network, dense training, code.

        Args:
            data_hash: That of the data.
            network_hash: That of the network, which its `Builder` knows; left out, that of the plan.
            code: That of the code that trains; see `spareto.study.code`.
        """
        parts = [
            data_hash,
            network_hash or self.network.hash,
            self.dense_training.hash,
            self.validation_share,
        ]
        return fingerprint([*parts, code] if code else parts)


def _listed(config: StudyConfig, one: str) -> bool:
    """Whether a study names several where it may name one, which then says nothing."""
    return one in LISTS and bool(getattr(config, LISTS[one]))


def _chip_beside(name: str, folder: Path) -> str:
    local = folder / name
    return str(local) if there(local) else name


def network_at(
    plan: NetworkPlan | OwnNetworkPlan, code: CodeAt, file: FileAt
) -> NetworkPlan | OwnNetworkPlan:
    """The same network, its code and files spelled another way."""
    if isinstance(plan, NetworkPlan):
        return plan
    update: dict[str, Any] = {"import_": code(plan.import_, "network")}
    if plan.weights is not None:
        update["weights"] = file(plan.weights)
    if plan.reset is not None and ":" in plan.reset:
        update["reset"] = code(plan.reset, "network.reset")
    return plan.replace(**update)


def data_at(plan: AnyData, code: CodeAt, file: FileAt) -> AnyData:
    """The same data, their code and files spelled another way."""
    if isinstance(plan, ImportedData):
        return plan.replace(import_=code(plan.import_, "data"))
    if isinstance(plan, FolderData):
        return plan.replace(folder=file(plan.folder))
    root = plan.options.get("root")
    if not isinstance(root, str):
        return plan
    return plan.replace(options={**plan.options, "root": file(str(Path(root).expanduser()))})


def data_beside(plan: AnyData, folder: Path) -> AnyData:
    """The same data, their files as paths from the working directory.

    Raises:
        ConfigError: There is no such file, or it names no function.
    """
    return data_at(plan, *_beside(folder))


def _beside(folder: Path) -> tuple[CodeAt, FileAt]:
    """Code and files of a study's folder as paths from the working directory."""
    return (
        lambda spelling, where: beside(spelling, folder, where),
        lambda path: str(folder / path),
    )
