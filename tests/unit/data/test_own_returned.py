"""Whatever a user's function returns means the same two splits, or is refused in a line."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, Subset, TensorDataset

from own_files import recording
from spareto.core.errors import ConfigError, DataError
from spareto.data import DatasetInfo
from spareto.data.load import FrameData
from spareto.data.own import load_own
from spareto.data.own.measured import load_measured
from spareto.data.own.returned import splits_of
from spareto.data.own.splits import Split
from spareto.records.data import ImportedData

RNG = np.random.default_rng(0)
X_TRAIN, X_TEST = (RNG.integers(0, 2, (count, 5, 2, 3, 4)).astype(np.uint8) for count in (8, 6))
Y_TRAIN, Y_TEST = np.arange(8) % 3, np.arange(6) % 3


class Own(Dataset):
    """As users write them; nothing is inherited that we ask for."""

    def __init__(self, x=X_TRAIN, y=Y_TRAIN, as_item=lambda x, y: (x, y)):
        self.x, self.y, self.as_item = x, y, as_item

    def __len__(self):
        return len(self.x)

    def __getitem__(self, index):
        return self.as_item(self.x[index], self.y[index])


def both(**options):
    return Own(**options), Own(X_TEST, Y_TEST, **options)


def tensors(x, y):
    return TensorDataset(torch.tensor(x, dtype=torch.float32), torch.tensor(y))


VALUES = {
    "keras_four": (X_TRAIN, Y_TRAIN, X_TEST, Y_TEST),
    "sklearn_four": (X_TRAIN, X_TEST, Y_TRAIN, Y_TEST),
    "keras_pairs": ((X_TRAIN, Y_TRAIN), (X_TEST, Y_TEST)),
    "lists_of_labels": (X_TRAIN, Y_TRAIN.tolist(), X_TEST, Y_TEST.tolist()),
    "time_first": tuple(
        np.moveaxis(a, 0, 1) if a.ndim > 1 else a for a in (X_TRAIN, Y_TRAIN, X_TEST, Y_TEST)
    ),
    "tensors": tuple(torch.tensor(a) for a in (X_TRAIN, Y_TRAIN, X_TEST, Y_TEST)),
    "bfloat16": tuple(torch.tensor(a).bfloat16() for a in (X_TRAIN, Y_TRAIN, X_TEST, Y_TEST)),
    "grad": tuple(
        torch.tensor(a, dtype=torch.float32, requires_grad=True) for a in (X_TRAIN, Y_TRAIN, X_TEST, Y_TEST)
    ),
    "float64": tuple(a.astype(np.float64) for a in (X_TRAIN, Y_TRAIN, X_TEST, Y_TEST)),
    "bool": tuple(a.astype(bool) if a.ndim > 1 else a for a in (X_TRAIN, Y_TRAIN, X_TEST, Y_TEST)),
    "columns_of_labels": (X_TRAIN, Y_TRAIN[:, None], X_TEST, Y_TEST[:, None]),
    "named_four": {"x_train": X_TRAIN, "y_train": Y_TRAIN, "x_test": X_TEST, "y_test": Y_TEST},
    "named_frames": {
        "train_frames": X_TRAIN,
        "train_labels": Y_TRAIN,
        "test_frames": X_TEST,
        "test_labels": Y_TEST,
    },
    "mapping_of_pairs": {"train": (X_TRAIN, Y_TRAIN), "test": (X_TEST, Y_TEST)},
    "mapping_of_mappings": {
        "train": {"frames": X_TRAIN, "labels": Y_TRAIN},
        "test": {"x": X_TEST, "y": Y_TEST},
    },
    "datasets": both(),
    "list_of_datasets": list(both()),
    "mapping_of_datasets": dict(zip(("train", "test"), both(), strict=True)),
    "three": (Own(), Own(X_TEST[:2], Y_TEST[:2]), Own(X_TEST, Y_TEST)),
    "tensor_datasets": (tensors(X_TRAIN, Y_TRAIN), tensors(X_TEST, Y_TEST)),
    "subsets": (Subset(Own(), range(8)), Subset(Own(X_TEST, Y_TEST), range(6))),
    "loaders": tuple(DataLoader(part, batch_size=3, shuffle=True) for part in both()),
    "tensor_items": both(as_item=lambda x, y: (torch.tensor(x).float(), torch.tensor(y))),
    "label_of_one": both(as_item=lambda x, y: (x, np.array([float(y)]))),
    "mapping_items": both(as_item=lambda x, y: {"image": x, "label": int(y)}),
    "lists_of_items": tuple(
        [(x, int(y)) for x, y in zip(a, b, strict=True)] for a, b in ((X_TRAIN, Y_TRAIN), (X_TEST, Y_TEST))
    ),
}


def load(monkeypatch, tmp_path, value, **keys):
    """Through a file of the user's, whose function returns the value."""
    monkeypatch.setattr("builtins.own_value", value, raising=False)
    (tmp_path / "own_data.py").write_text("import builtins\n\n\ndef load():\n    return builtins.own_value\n")
    return load_own(ImportedData.parse({"import": f"{tmp_path}/own_data.py:load", **keys}, "data"))


@pytest.mark.parametrize("kind", VALUES)
def test_every_form_means_the_same(monkeypatch, tmp_path, kind):
    found = load(monkeypatch, tmp_path, VALUES[kind])
    assert np.array_equal(found.train_frames, np.moveaxis(X_TRAIN, 1, 0))
    assert np.array_equal(found.test_frames, np.moveaxis(X_TEST, 1, 0))
    assert (found.train_labels.tolist(), found.test_labels.tolist()) == (Y_TRAIN.tolist(), Y_TEST.tolist())
    assert (found.train_frames.dtype, found.train_labels.dtype) == (np.uint8, np.int64)
    assert (found.info.classes, found.info.sensor, found.name) == (3, (2, 3, 4), "own_data.py:load")
    reference = load(monkeypatch, tmp_path, VALUES["keras_four"])
    assert found.hash == reference.hash


def test_frame_data_are_taken_as_they_are(monkeypatch, tmp_path):
    frames = np.moveaxis(X_TRAIN, 1, 0)
    info = DatasetInfo(3, (2, 3, 4), 0, "", "")
    data = FrameData(frames, Y_TRAIN, frames, Y_TRAIN, info, "mine", "0123456789abcdef")
    assert load(monkeypatch, tmp_path, data) is data
    unnamed = load(monkeypatch, tmp_path, replace(data, hash="mine"))
    changed = load(monkeypatch, tmp_path, replace(data, hash="mine", train_frames=1 - frames))
    assert unnamed.train_frames is frames
    assert len({data.hash, unnamed.hash, changed.hash}) == 3
    with pytest.raises(DataError, match="test split: labels: got no sample"):
        load(monkeypatch, tmp_path, replace(data, test_frames=frames[:, :0], test_labels=Y_TRAIN[:0]))


@pytest.mark.parametrize(
    ("item", "keys", "layout", "shape"),
    [
        ((5, 7), {"timesteps": 5}, "time-first", (5, 8, 7)),
        ((5, 7), {"layout": "batch-first"}, "time-first", (5, 8, 7)),
        ((5, 7), {"layout": "static"}, "static", (8, 5, 7)),
        ((5, 7), {"timesteps": 6}, "time-first", (6, 8, 5, 7)),
        ((5, 7), {}, None, (8, 5, 7)),
        ((7,), {}, "static", (8, 7)),
        ((7,), {"timesteps": 4}, "time-first", (4, 8, 7)),
        ((1, 6, 6), {"timesteps": 4}, "time-first", (4, 8, 1, 6, 6)),
        ((9, 6, 6), {"timesteps": 9}, "time-first", (9, 8, 6, 6)),
        ((3, 6, 6), {"timesteps": 3}, None, (8, 3, 6, 6)),
        ((5, 2, 3, 4), {}, "time-first", (5, 8, 2, 3, 4)),
        ((5, 2, 3, 4), {"layout": "static"}, "static", (8, 5, 2, 3, 4)),
    ],
)
def test_where_time_is(monkeypatch, tmp_path, item, keys, layout, shape):
    x = np.random.default_rng(1).random((8, *item)).astype(np.float32)
    found = load(monkeypatch, tmp_path, (x, Y_TRAIN, x, Y_TRAIN), **keys)
    assert (found.train_frames.shape, found.layout) == (shape, layout)
    held = layout == "time-first" and shape[2:] == item
    over_time = layout == "time-first" and not held
    one = found.train_frames[:, 3] if layout == "time-first" else found.train_frames[3]
    assert np.array_equal(one, x[3] if over_time or not held else np.broadcast_to(x[3], one.shape))
    assert found.timesteps == (shape[0] if layout == "time-first" else None)


@pytest.mark.parametrize(
    ("shape", "keys", "told"),
    [
        ((8, 8, 7), {}, "got shape (8, 8, 7) for 8 labels; expected samples on one axis alone."),
        ((8, 8, 7), {}, "Write data.layout: time-first, batch-first or static."),
        ((9, 6, 7), {}, "got four arrays of shapes"),
        ((8, 5, 2, 3, 4), {"timesteps": 4}, "got 5 timesteps; expected 4, as data.timesteps says."),
        ((8, 5, 7), {"layout": "time-first"}, "got 5 samples; expected 8, one a label."),
    ],
)
def test_shapes_that_leave_samples_open_are_asked_about(monkeypatch, tmp_path, shape, keys, told):
    x = np.random.default_rng(1).random(shape)
    with pytest.raises(DataError) as error:
        load(monkeypatch, tmp_path, (x, Y_TRAIN, x, Y_TRAIN), **keys)
    assert told in str(error.value)


def test_splits_of_other_shapes_are_refused(monkeypatch, tmp_path):
    with pytest.raises(
        DataError, match=r"test split: frames: got shape \(4, 6, 2, 3, 4\); expected samples as in"
    ):
        load(monkeypatch, tmp_path, (X_TRAIN, Y_TRAIN, X_TEST[:, :4], Y_TEST))


@pytest.mark.parametrize(
    "keys", [{"layout": "batch-first"}, {"layout": "static"}, {"timesteps": 3, "layout": "static"}, {}]
)
def test_samples_are_held_out_whatever_the_layout(monkeypatch, tmp_path, keys):
    x = np.random.default_rng(1).random((9, 4, 7)).astype(np.float32)
    y = np.arange(9) % 3
    found = load(monkeypatch, tmp_path, (x, y), test_share=0.34, **keys)
    assert (len(found.train_labels), len(found.test_labels)) == (6, 3)
    axis = 1 if found.layout == "time-first" else 0
    assert found.train_frames.shape[axis] == 6
    first = (
        found.test_frames[0, 0]
        if found.layout == "time-first" and "timesteps" in keys
        else found.test_frames[:, 0]
        if axis
        else found.test_frames[0]
    )
    assert np.array_equal(first, x[6])


class Changing(Own):
    def __getitem__(self, index):
        return np.random.random((5, 2, 3, 4)), 0  # noqa: NPY002


class Broken(Own):
    def __getitem__(self, index):
        raise OSError("disk on fire")


class Endless:
    def __iter__(self):
        yield 1


class Picture:
    """What matters here of a picture of PIL."""

    def getbands(self):
        return ("L",)


def with_item(as_item):
    return both(as_item=as_item)


NOT_FINITE = X_TRAIN.astype(np.float32)
NOT_FINITE[2, 3] = np.nan
WRONG = {
    "nothing": (None, "got nothing: it has no return; expected train and test data. Return (train, test)"),
    "a number": (3, "got a int; expected train and test data."),
    "one data set": (Own(), "got no test split; expected a training split and a test split."),
    "a pair": ((X_TRAIN, Y_TRAIN), "write data.test_share: 0.2"),
    "a generator": ((Endless(), Endless()), "got a tuple of Endless, Endless"),
    "keys": (
        {"a": X_TRAIN},
        "got keys a; expected keys train and test, or x_train, y_train, x_test and y_test.",
    ),
    "an array": ((X_TRAIN, Y_TRAIN, X_TEST), "got a tuple of ndarray, ndarray, ndarray"),
    "no items": (
        (Own(X_TRAIN[:0], Y_TRAIN[:0]), Own()),
        "training split: got no sample; expected at least one.",
    ),
    "random": ((Changing(), Changing()), "sample 0: got another sample the second time; expected the same"),
    "broken": ((Broken(), Broken()), "got OSError: disk on fire; expected samples that can be read."),
    "alone": (with_item(lambda x, y: x), "sample 0: got a ndarray; expected a sample and its label."),
    "triple": (with_item(lambda x, y: (x, y, 0)), "sample 0: got 3 parts; expected a sample and its label."),
    "one-hot item": (
        with_item(lambda x, y: (x, np.eye(3)[y])),
        "sample 0: label: got 3 numbers; expected one.",
    ),
    "picture": (
        with_item(lambda x, y: (Picture(), y)),
        "got a picture of PIL; expected an array, channels first.",
    ),
    "text": (with_item(lambda x, y: (x, "cat")), "sample 0: label: got a str; expected numbers"),
    "ragged": (
        with_item(lambda x, y: (x[: y + 1], y)),
        "sample 1: got shape (2, 2, 3, 4); expected (1, 2, 3, 4), as sample 0.",
    ),
    "one-hot": ((X_TRAIN, np.eye(3)[Y_TRAIN], X_TEST, np.eye(3)[Y_TEST]), "got four arrays of shapes"),
    "one-hot pairs": (
        ((X_TRAIN, np.eye(3)[Y_TRAIN]),) * 2,
        "labels: got shape (8, 3); expected one label a sample. Give class",
    ),
    "fractions": ((X_TRAIN, Y_TRAIN + 0.5, X_TEST, Y_TEST), "labels: got 0.5; expected whole numbers."),
    "negative": ((X_TRAIN, Y_TRAIN - 1, X_TEST, Y_TEST), "labels: got -1; expected class numbers from 0."),
    "nan": ((NOT_FINITE, Y_TRAIN, X_TEST, Y_TEST), "training split: frames: got nan or infinity in 2.50%"),
    "unlearnt": ((X_TRAIN, Y_TRAIN, X_TEST, Y_TEST + 5), "test split, sample 0: label: got class 5, 6, 7"),
    "collate": (
        tuple(DataLoader(part, collate_fn=list) for part in both()),
        "got a loader that runs list; expected a plain loader.",
    ),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_no_data_is_told_in_a_line(monkeypatch, tmp_path, kind):
    value, told = WRONG[kind]
    with pytest.raises((DataError, ConfigError)) as error:
        load(monkeypatch, tmp_path, value)
    assert told in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_labels_beyond_the_stated_classes(monkeypatch, tmp_path):
    with pytest.raises(
        DataError, match="training split, sample 2: label: got 2; expected a class from 0 to 1"
    ):
        load(monkeypatch, tmp_path, VALUES["keras_four"], classes=2)
    assert load(monkeypatch, tmp_path, VALUES["keras_four"], classes=7).info.classes == 7


class Events(Dataset):
    """As Tonic's: structured arrays, and the size of the sensor with the width first."""

    sensor_size = (8, 6, 2)
    classes = ("left", "right")

    def __init__(self, number, as_events=None):
        self.number, self.as_events = number, as_events or self.structured

    @staticmethod
    def structured(events):
        made = np.empty(len(events["x"]), [("x", "i2"), ("y", "i2"), ("t", "i4"), ("p", "i1")])
        for name in "xypt":
            made[name] = events[name]
        return made

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return self.as_events(recording(10 * self.number + index, index % 2)), index % 2


def test_events_of_a_data_set_are_binned(monkeypatch, tmp_path):
    found = load(monkeypatch, tmp_path, (Events(0), Events(1)), timesteps=5)
    assert (found.train_frames.shape, found.info.classes) == ((5, 4, 2, 6, 8), 2)
    named = load(monkeypatch, tmp_path, (Events(0, dict), Events(1, dict)), timesteps=5)
    assert named.hash == found.hash
    with pytest.raises(DataError, match=r"data.timesteps: got nothing; expected a number of bins"):
        load(monkeypatch, tmp_path, (Events(0), Events(1)))


@pytest.mark.parametrize("parameter", ["split", "train"])
def test_a_function_that_takes_the_split_is_called_once_a_split(tmp_path, parameter):
    body = "split == 'train'" if parameter == "split" else "train"
    (tmp_path / "by_split.py").write_text(
        "import numpy as np\n\n\n"
        f"def load(scale, {parameter}='all'):\n"
        f"    count = 8 if {body} else 6\n"
        "    return np.full((count, 5, 2, 3, 4), scale), np.arange(count) % 2\n"
    )
    plan = {"import": f"{tmp_path}/by_split.py:load", "options": {"scale": 2}}
    found = load_own(ImportedData.parse(plan, "data"))
    assert (found.train_frames.shape[1], found.test_frames.shape[1], found.train_frames.max()) == (8, 6, 2)


def test_random_data_are_the_same_at_each_reading(tmp_path):
    (tmp_path / "drawn.py").write_text(
        "import random\nimport numpy as np\nimport torch\n\n\n"
        "def load():\n"
        "    x = np.random.rand(8, 5, 2, 3, 4) + random.random() + torch.rand(1).item()\n"
        "    return x, np.arange(8) % 2, x, np.arange(8) % 2\n"
    )
    plan = ImportedData.parse({"import": f"{tmp_path}/drawn.py:load"}, "data")
    np.random.seed(5)  # noqa: NPY002
    torch.manual_seed(5)
    first, drawn = load_own(plan), (np.random.rand(), torch.rand(1).item())  # noqa: NPY002
    np.random.seed(5)  # noqa: NPY002
    torch.manual_seed(5)
    assert drawn == (np.random.rand(), torch.rand(1).item())  # noqa: NPY002 - the user's own numbers go on
    assert load_own(plan).hash == first.hash


def test_what_is_measured_may_be_without_labels_or_splits(monkeypatch, tmp_path):
    def measured(value, **keys):
        monkeypatch.setattr("builtins.own_value", value, raising=False)
        (tmp_path / "own_data.py").write_text(
            "import builtins\n\n\ndef load():\n    return builtins.own_value\n"
        )
        return load_measured(ImportedData.parse({"import": f"{tmp_path}/own_data.py:load", **keys}, "data"))

    split = measured(VALUES["datasets"])
    assert (split.frames.shape, split.labels.tolist(), split.layout) == (
        (5, 6, 2, 3, 4),
        Y_TEST.tolist(),
        "time-first",
    )
    assert split.name == "own_data.py:load, test split"
    assert measured(Own()).frames.shape == (5, 8, 2, 3, 4)
    alone = measured(X_TRAIN, layout="batch-first")
    assert (alone.frames.shape, alone.labels, alone.name) == ((5, 8, 2, 3, 4), None, "own_data.py:load")
    still = measured((X_TRAIN[:, 0], Y_TRAIN), layout="static")
    assert (still.frames.shape, still.layout) == ((8, 2, 3, 4), "static")
    assert still.first(3).frames.shape == (3, 2, 3, 4)
    with pytest.raises(DataError, match=r"got shape \(8, 5, 2, 3, 4\); expected samples on one axis alone"):
        measured(X_TRAIN)


def test_a_split_takes_some_of_its_samples():
    found = splits_of(Own(), "data")["all"]
    some = found.take(np.array([2, 0]), "two")
    assert isinstance(some, Split)
    assert (some.labels.tolist(), some.samples.shape, some.place(1)) == (
        [2, 0],
        (2, 5, 2, 3, 4),
        "two, sample 1",
    )
