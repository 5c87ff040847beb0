"""Which data a network is trained and measured on, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias, cast

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, model_validator

from spareto.core.bounds import MOST_STORED
from spareto.core.config import Record, Rule
from spareto.core.errors import ConfigError, Problem
from spareto.core.text import shown

Timesteps = Annotated[
    int, Field(ge=1, le=1000, strict=True), Rule("a number of timesteps, an integer from 1 to 1000")
]
Flag = Annotated[bool, Field(strict=True), Rule("true or false")]
Side = Annotated[int, Field(ge=1, le=1_000_000, strict=True), Rule("an integer of at least 1, at most 1e6")]
Microseconds = Annotated[
    int,
    Field(ge=1, le=MOST_STORED, strict=True),
    Rule("a whole number of microseconds, at least 1, below 2^48"),
]
BinSize = Annotated[
    int,
    Field(ge=1, le=MOST_STORED, strict=True),
    Rule("a whole number of microseconds or events, at least 1, below 2^48"),
]
Option = Annotated[
    str | int | float | bool | dict[str, Any] | None,
    Rule("a text, a number, true, false or null; or name and options of what has options of its own"),
]


class DataPlan(Record):
    """A data set, and how its events become frames.

    Args:
        name: Name of the data set.
        timesteps: T, the number of frames.
        binary: Frames of 0 and 1, else event counts up to 255.
        bins: What frames have in common: equal `time`, or equally many `events`.
        bin_size: Microseconds or events of a frame; events after T frames are dropped. Left out, T frames
            share the nominal duration, or all events of a recording.
        options: Options of the data set itself; `root` says where its files are.
    """

    name: str = "digits"
    timesteps: Timesteps = 10
    binary: Flag = True
    bins: Annotated[Literal["time", "events"], Rule("time or events")] = "time"
    bin_size: BinSize | None = None
    options: dict[str, Option] = Field(default_factory=dict[str, Option])

    @model_validator(mode="after")
    def _check_options(self) -> DataPlan:
        if given := [
            name
            for name in ("name", "timesteps", "binary", "bins", "bin_size", "cache")
            if name in self.options
        ]:
            raise ValueError(f"options without {' and '.join(given)}, which the data set does not take")
        return self


def _named(spelling: str) -> str:
    if not spelling.strip():
        raise ValueError("FILE.py:NAME or MODULE:NAME")
    return spelling


Import = Annotated[str, AfterValidator(_named), Rule("a text, FILE.py:NAME or MODULE:NAME")]


class OwnData(Record):
    """What is said of a user's own data where they do not say it themselves.

    Args:
        timesteps: T: into how many equal bins events are sorted; how many frames a recording has; for how
            many timesteps a still image is held. None where the data say so.
        layout: Where the time axis is, if shapes and `timesteps` leave it open: `time-first` is
            `(T, N, ...)`, `batch-first` is `(N, T, ...)`, `static` has none.
        classes: Number of classes; left out, one more than the largest label.
        test_share: Share of each class that is held out for testing where the data have no test split.
        sensor: Polarities, height and width of the camera; events need it.
        time_unit: Unit of the events' times; left out, what the name of their array says, else us.
        duration_us: Length of a recording, microseconds; later events are dropped. Left out, the longest.
        outside: What to do about events outside the sensor.
        binary: Frames of 0 and 1 from events, else event counts up to 255.
        bins: What frames of events have in common: equal `time`, or equally many `events`.
        bin_size: Microseconds or events of a frame; see `DataPlan`.
    """

    timesteps: Timesteps | None = None
    layout: Literal["time-first", "batch-first", "static"] | None = None
    classes: Side | None = None
    test_share: (
        Annotated[float, Field(gt=0, lt=1, strict=True), Rule("a share above 0 and below 1")] | None
    ) = None
    sensor: Annotated[tuple[Side, Side, Side], Rule("[polarities, height, width]")] | None = None
    time_unit: Literal["ns", "us", "ms", "s"] | None = None
    duration_us: Microseconds | None = None
    outside: Literal["refuse", "drop"] = "refuse"
    binary: Flag = True
    bins: Annotated[Literal["time", "events"], Rule("time or events")] = "time"
    bin_size: BinSize | None = None


class ImportedData(OwnData):
    """Data that a function of the user's makes.

    Args:
        import_: The function, `my_data.py:load`; a path is relative to the study file.
        options: What it is called with. A parameter `split` or `train` is given by us, once a split.
    """

    import_: Import = Field(alias="import")
    options: dict[str, Any] = Field(default_factory=dict[str, Any])


class FolderData(OwnData):
    """Recordings or frames in `.npz` and `.npy` files, labelled by a table or by their folders.

    Args:
        folder: The folder; relative to the study file.
        labels: The table in it, CSV; left out, the only one there is, else one folder per class.
    """

    folder: Annotated[str, Rule("the path of a folder")]
    labels: str | None = None


def _kind(data: Any) -> str:
    """Which of the plans some data mean; a plan that is made already says so by its class."""
    if isinstance(data, ImportedData | FolderData):
        return "(imported)" if isinstance(data, ImportedData) else "(folder)"
    if isinstance(data, Record):
        return "(named)"
    return "(imported)" if "import" in data else "(folder)" if "folder" in data else "(named)"


def _spelled(data: Any) -> Any:
    """A bare text is the name of a data set, or `my_data.py:load`."""
    if isinstance(data, str):
        return {"import": data} if ":" in data or data.endswith(".py") else {"name": data}
    if not isinstance(data, Mapping | Record):
        raise ValueError("a name, or keys such as name, import or folder")
    return cast("Mapping[str, Any] | Record", data)


AnyData: TypeAlias = Annotated[
    Annotated[DataPlan, Tag("(named)")]
    | Annotated[ImportedData, Tag("(imported)")]
    | Annotated[FolderData, Tag("(folder)")],
    Discriminator(_kind),
    BeforeValidator(_spelled),
]


def parse_data(data: Any, where: str) -> DataPlan | ImportedData | FolderData:
    """The plan that plain data mean; `where` is the root of the paths in error messages.

    Raises:
        ConfigError: They break a rule; names every one.
    """
    try:
        plain = _spelled(data)
    except ValueError as error:
        raise ConfigError(Problem(where, shown(data), str(error))) from None
    kinds = {"(named)": DataPlan, "(imported)": ImportedData, "(folder)": FolderData}
    return kinds[_kind(plain)].parse(plain, where)
