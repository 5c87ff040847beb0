"""Every error spareto raises on purpose.

SparetoError
├── InputError          what the user gave is wrong: a file, a value, a name
│   ├── ConfigError     a recipe, study or accelerator description, or a network it does not fit
│   │   ├── ShapeError           frames or tensors of other axes, sizes or types than a layer takes
│   │   ├── UnsupportedLayer     an operation that nothing here knows how to count or compress
│   │   └── MissingDependency    an optional package that is not installed
│   ├── CapacityError   a network does not fit an accelerator
│   ├── DataError       a data set file is missing, truncated or malformed
│   ├── StoreError      a study database or checkpoint cannot be used
│   └── UnknownName     a plug-in name nobody registered
├── OutOfMemory         there is not the memory it takes; also a MemoryError
└── TrainingError       training diverged or a layer fell silent

An `InputError` carries all problems of one input at once, each in the template
`<where>: got <value>; expected <rule>. <what to do>.`
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from spareto.core.text import visible


class SparetoError(Exception):
    """Base of every error raised on purpose; the command line prints it without a traceback."""


@dataclass(frozen=True)
class Problem:
    """One thing wrong with an input.

    Args:
        where: The place, as a path into the input: `recipe.steps[1].bits`.
        got: The offending value, already rendered as text.
        rule: What is allowed there, without a final full stop.
        cure: One sentence that says what to do, with its full stop; may be empty.
    """

    where: str
    got: str
    rule: str
    cure: str = ""

    def __str__(self) -> str:
        cure = f" {self.cure}" if self.cure else ""
        return visible(f"{self.where}: got {self.got}; expected {self.rule}.{cure}")


class InputError(SparetoError, ValueError):
    """Something the user gave cannot be used; lists every problem found, one a line."""

    def __init__(self, problems: Problem | Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    @classmethod
    def if_any(cls, problems: Iterable[Problem]) -> None:
        """Raise one error of all problems, if there is one.

        Raises:
            InputError: Of this class.
        """
        if found := tuple(problems):
            raise cls(found)


class ConfigError(InputError):
    """A recipe, study or accelerator description breaks a rule."""


class ShapeError(ConfigError):
    """Frames or tensors have other axes, sizes or types than a layer or network takes."""


class UnsupportedLayer(ConfigError):  # noqa: N818 - says what it is: `except UnsupportedLayer`
    """A network does what nobody here knows how to count or compress."""


class MissingDependency(ConfigError):  # noqa: N818 - says what it is: `except MissingDependency`
    """An optional package is not installed."""


class CapacityError(InputError):
    """A network does not fit an accelerator: a memory or the number of cores is too small."""


class DataError(InputError):
    """A data set file is missing, truncated or malformed."""


class StoreError(InputError):
    """A study database or a checkpoint cannot be used."""


class UnknownName(InputError):  # noqa: N818 - reads as what it is: `except UnknownName`
    """No plug-in of that name exists."""


class TrainingError(SparetoError):
    """Training cannot go on: the loss is not finite, or a layer never spikes."""


class OutOfMemory(SparetoError, MemoryError):  # noqa: N818 - as MemoryError, which it is
    """There is not the memory that something takes; what it would have changed is as it was."""


def together(*attempts: Callable[[], Any]) -> list[Any]:
    """What each attempt gives; if some are refused, one error with the problems of all.

    Raises:
        InputError: The only refusal as it is; several as a `ConfigError`.
    """
    results: list[Any] = []
    refused: list[InputError] = []
    for attempt in attempts:
        try:
            results.append(attempt())
        except InputError as error:
            refused.append(error)
    if len(refused) == 1:
        raise refused[0]
    if refused:
        raise ConfigError(dict.fromkeys(problem for error in refused for problem in error.problems))
    return results


def did_you_mean(word: object, known: Sequence[str]) -> str:
    """Return `Did you mean 'x'?` for a near miss, else an empty string; only a text can be near one.

    >>> did_you_mean("magnitud", ["magnitude", "random"])
    "Did you mean 'magnitude'?"
    """
    near = get_close_matches(word[:200], list(known), n=1, cutoff=0.6) if isinstance(word, str) else ()
    return f"Did you mean '{near[0]}'?" if near else ""


def suggestion(word: str, known: Sequence[str]) -> str:
    """As `did_you_mean`, which also understands the first letters of the words of a name.

    >>> suggestion("lr", ["learning_rate", "loss"])
    "Did you mean 'learning_rate'?"
    """
    short = [name for name in known if "_" in name and "".join(p[:1] for p in name.split("_")) == word]
    return f"Did you mean '{short[0]}'?" if len(short) == 1 else did_you_mean(word, known)


def one_of(names: Iterable[str]) -> str:
    """Render the allowed names of a rule: `one of bitmask, cp, rle`."""
    return "one of " + ", ".join(names)
