"""What several commands take: a network and data of the user's own."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import yaml
from cyclopts import Parameter

from spareto.cli import numbers
from spareto.core.artifacts import anything_there
from spareto.core.config import load_data
from spareto.core.errors import ConfigError, Problem
from spareto.core.plain import from_yaml
from spareto.records.data import AnyData, parse_data

if TYPE_CHECKING:
    from spareto.study.sources import Source


@Parameter(name="*")
@dataclass(frozen=True)
class NetworkWords:
    """How a network of the user's own is made and run.

    Args:
        weights: Its trained weights: a state dict, as torch.save or safetensors write it.
        options: What its function is called with, as YAML: "{hidden: 100, beta: 0.9}".
        output: Which part of its output is the answer: the item of a tuple or the key of a dict.
        vote: How an answer over time becomes one a sample.
        time: What a call takes: one timestep, all of them first, or the batch first.
        reset: What puts its state back: the name of a method, none, or a function FILE.py:NAME.
    """

    weights: Path | None = None
    options: str | None = None
    output: str | None = None
    vote: Literal["mean", "sum", "last", "max"] | None = None
    time: Literal["calls", "time-batch", "batch-time"] | None = None
    reset: str | None = None

    def changes(self) -> dict[str, Any]:
        """The same as keys of `OwnNetworkPlan`.

        Raises:
            ConfigError: The options are no mapping.
        """
        given = {name: value for name, value in asdict(self).items() if value is not None}
        if self.options is not None:
            given["options"] = mapping(self.options, "options")
        if self.weights is not None:
            given["weights"] = str(self.weights)
        if self.output is not None and self.output.lstrip("-").isdigit():
            given["output"] = int(self.output)
        return given


@Parameter(name="*")
@dataclass(frozen=True)
class DataWords:
    """What is said of data beside their name.

    Args:
        timesteps: How many frames a recording has.
        layout: Where the time axis of the data is, if shapes leave it open.
    """

    timesteps: Annotated[int | None, numbers.count()] = None
    layout: Literal["time-first", "batch-first", "static"] | None = None


def mapping(text: str, where: str) -> dict[str, Any]:
    """A YAML mapping given on the command line.

    Raises:
        ConfigError: It is none.
    """
    try:
        found = from_yaml(text)
    except (yaml.YAMLError, ValueError):
        found = None
    if not isinstance(found, dict) or not all(isinstance(key, str) and ":" not in key for key in found):
        cure = f'Write --{where} "{{key: value}}", with a space behind the colon.'
        raise ConfigError(Problem(where, repr(text), "a YAML mapping", cure))
    return found


def data_named(text: str, words: DataWords, known: AnyData | None = None) -> AnyData:
    """The data a user named: a data set of ours, a function, a folder or file, or a plan.

    Args:
        text: `digits`, `my_data.py:load`, `recordings/`, `arrays.npz`, `data.yaml` or `{folder: here}`.
        words: What else is said of them.
        known: Data that a stored network was trained on; what is not said of the same data is as it was.

    Raises:
        ConfigError: The plan breaks a rule, or nothing of the kind is there.
    """
    from spareto.study.config import data_beside
    from spareto.study.networks import data_anywhere

    folder = Path()
    if text.endswith((".yaml", ".yml", ".json")):
        found, folder = load_data(text), Path(text).parent
    elif text.lstrip().startswith("{"):
        found = mapping(text, "data")
    elif anything_there(Path(text)) and not text.endswith(".py"):
        found = {"folder": text}
    elif ":" in text or text.endswith(".py"):
        found = {"import": text}
    else:
        found = {"name": text}
    given = {key: value for key, value in asdict(words).items() if value is not None}
    if isinstance(found, dict):
        found = {**found, **given}
    plan = data_beside(parse_data(found, "data"), folder)
    if known is None or _what(data_anywhere(plan)) != _what(known):
        return plan
    return known.replace(**{name: getattr(plan, name) for name in plan.model_fields_set})


def data_of_source(source: Source, text: str | None, words: DataWords) -> AnyData:
    """The data a user named, or else those that the network was trained on.

    Raises:
        ConfigError: As `data_named`; or none are named and the network does not say.
    """
    if text is not None:
        return data_named(text, words, source.data)
    if source.data is None:
        rule = "data to run the network on, for its file does not say any"
        raise ConfigError(Problem("data", "nothing", rule, "Write --data FILE.py:NAME, a folder or a name."))
    return source.data.replace(**{key: value for key, value in asdict(words).items() if value is not None})


def _what(plan: AnyData) -> tuple[str, ...]:
    """Which data they are, however they are read."""
    keys = ("name", "import_", "folder")
    return tuple(str(getattr(plan, key)) for key in keys if hasattr(plan, key))
