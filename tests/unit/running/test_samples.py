"""Frames and labels of any shape and type have one meaning, or one clear error."""

import numpy as np
import pytest
import torch

from spareto.core.errors import ConfigError, DataError
from spareto.running import Samples, labels_of, samples_of

WHOLE = [0, 1, 2, 1, 0, 3]


@pytest.mark.parametrize("column", [False, True], ids=["(N,)", "(N, 1)"])
@pytest.mark.parametrize(
    "kind",
    [
        *(np.int64, np.int8, np.uint8, np.uint16, np.float32, np.float64),
        *(torch.int64, torch.int32, torch.uint8, torch.float32, torch.float16, torch.bfloat16),
    ],
    ids=str,
)
def test_labels_of_every_shape_and_type(kind, column):
    made = torch.tensor(WHOLE).to(kind) if isinstance(kind, torch.dtype) else np.array(WHOLE, kind)
    labels = labels_of(made[:, None] if column else made)
    assert labels.dtype == np.int64
    assert labels.tolist() == WHOLE


def test_labels_as_a_list_and_of_two_classes():
    assert labels_of(WHOLE).tolist() == WHOLE
    assert labels_of([True, False]).tolist() == [1, 0]
    assert labels_of([]).tolist() == []


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ([0.5, 1.0], "got 0.5; expected whole numbers from 0."),
        ([0.0, np.nan], "got nan; expected whole numbers from 0."),
        ([0.0, np.inf], "got inf; expected whole numbers from 0."),
        ([0, -1], "got -1 to 0; expected values from 0 to 3."),
        ([0, 4], "got 0 to 4; expected values from 0 to 3."),
        (
            np.eye(3),
            "got shape (3, 3); expected shape (samples,) or (samples, 1), one whole number a sample.",
        ),
        (np.int64(3), "got shape (); expected shape (samples,)"),
        (["cat", "dog"], "got values of type <U3; expected whole numbers from 0. Number the classes."),
        ([[0], [1, 2]], "got list ("),
        (torch.zeros(3, device="meta"), "got a tensor on the meta device; expected numbers."),
    ],
)
def test_labels_that_are_none(labels, said):
    with pytest.raises(DataError) as error:
        labels_of(labels, "y", 4)
    assert str(error.value).startswith(f"y: {said}")


@pytest.mark.parametrize(
    ("shape", "labels", "layout", "found", "steps"),
    [
        ((5, 8, 2, 4, 4), 8, None, "time-first", 5),
        ((5, 8, 3), 8, None, "time-first", 5),
        ((8, 5, 3), 8, None, None, None),
        ((8, 2, 4, 4), 8, None, None, None),
        ((8, 5, 3), 8, "batch-first", "batch-first", 5),
        ((8, 5, 3), 8, "static", "static", None),
        ((8, 8, 3), 8, "time-first", "time-first", 8),
        ((5, 8, 3), None, "time-first", "time-first", 5),
    ],
)
def test_where_time_and_samples_lie(shape, labels, layout, found, steps):
    numbers = None if labels is None else np.zeros(labels)
    samples = samples_of(np.zeros(shape), numbers, layout=layout)
    assert (samples.layout, samples.timesteps, samples.count) == (found, steps, 8)
    last = samples.batch(6, 99)
    assert last.shape[samples.axis] == 2
    assert torch.equal(samples.chosen([7, 6]), last.flip(samples.axis))


def test_shapes_that_say_nothing_are_asked_about():
    for frames, labels in (((8, 8, 3), np.zeros(8)), ((5, 8, 3), None)):
        with pytest.raises(ConfigError, match=r"without labels|one axis that is as long"):
            samples_of(np.zeros(frames), labels)
    assert samples_of(np.zeros((8, 8, 3)), np.zeros(8), time_first=True).layout == "time-first"


@pytest.mark.parametrize(
    ("frames", "labels", "said"),
    [
        (np.full((2, 3, 4), np.nan), np.zeros(3), "frames: got nan or infinity; expected finite numbers."),
        (
            np.zeros((2, 3, 4)),
            np.zeros(4),
            "labels: got shape (4,); expected one a sample of frames of shape",
        ),
        (np.zeros((2, 0, 4)), np.zeros(0), "labels: got no sample; expected at least one."),
        (np.zeros((0, 3, 4)), np.zeros(3), "frames: got shape (0, 3, 4); expected at least one timestep."),
        (
            np.zeros(3),
            np.zeros(3),
            "frames: got shape (3,); expected (time, samples, ...) or (samples, ...).",
        ),
        (np.zeros((2, 3), complex), np.zeros(3), "frames: got numbers of type complex128; expected an array"),
        ([["a", "b"]], np.zeros(2), "frames: got numbers of type <U1; expected an array or a tensor"),
        (object(), np.zeros(3), "frames: got object; expected an array or a tensor of real numbers."),
        (torch.zeros(2, 3, device="meta"), np.zeros(3), "frames: got a tensor on the meta device"),
    ],
)
def test_frames_that_are_none(frames, labels, said):
    with pytest.raises(DataError) as error:
        samples_of(frames, labels)
    assert str(error.value).startswith(said)


def test_a_stated_layout_must_fit():
    with pytest.raises(DataError, match="as many on axis 0, as layout='batch-first' says"):
        samples_of(np.zeros((5, 8, 3)), np.zeros(8), layout="batch-first")
    with pytest.raises(ConfigError, match="Did you mean 'time-first'"):
        samples_of(np.zeros((5, 8, 3)), np.zeros(8), layout="time_first")


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x[:, ::-1],
        lambda x: x.astype(">f4"),
        lambda x: x.astype(np.uint16),
        lambda x: x.astype(bool),
        lambda x: x.tolist(),
        lambda x: torch.from_numpy(x).to_sparse(),
        lambda x: torch.from_numpy(x).requires_grad_(),
    ],
)
def test_frames_of_every_kind(change):
    frames = np.eye(6, dtype=np.float32).reshape(3, 4, 3)
    made = change(frames)
    samples = samples_of(made, np.zeros(4))
    expected = np.asarray(made.detach().to_dense() if isinstance(made, torch.Tensor) else made, np.float32)
    assert np.array_equal(samples.frames.float().numpy(), expected)


def test_frames_that_nobody_may_write_to_are_not_copied():
    frames = np.zeros((3, 4, 5), np.float32)
    frames.flags.writeable = False
    assert samples_of(frames, np.zeros(4)).frames.data_ptr() == frames.ctypes.data


def test_masked_arrays_are_no_numbers():
    masked = np.ma.array([0, 1, 2, 3], mask=[False, True, False, False])
    with pytest.raises(DataError, match=r"labels: got 25.0% masked out; expected a number in every place"):
        labels_of(masked)
    with pytest.raises(DataError, match=r"frames: got 50.0% masked out"):
        samples_of(np.ma.array(np.ones((4, 2)), mask=[[True, False]] * 4), [0, 1, 0, 1])
    assert labels_of(np.ma.array([0, 1])).tolist() == [0, 1]


def test_nested_tensors_are_no_samples_of_one_shape():
    nested = torch.nested.nested_tensor([torch.ones(2, 3), torch.ones(4, 3)], layout=torch.jagged)
    with pytest.raises(DataError, match="frames: got a nested tensor; expected samples of one shape"):
        samples_of(nested, [0, 1])


@pytest.mark.parametrize(
    ("shape", "asked", "size"),
    [((10, 100, 2, 34, 34), 64, 64), ((20, 100, 2, 240, 304), 64, 5), ((1, 3, 1, 1 << 13, 1 << 13), 64, 1)],
)
def test_batches_of_large_samples_have_fewer(shape, asked, size):
    """Mapped frames of gigabytes are read a few samples at a time."""
    samples = Samples(torch.zeros(()).expand(shape), None, "time-first")
    places = list(samples.places(asked))
    assert places[0] == slice(0, size)
    assert [place.start for place in places] == [0, *(place.stop for place in places[:-1])]
    assert places[-1].stop == samples.count
