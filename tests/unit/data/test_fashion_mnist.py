"""Fashion-MNIST read from files in its real format, and still images turned into frames."""

import gzip
import struct

import numpy as np
import pytest
import torch

from spareto import networks
from spareto.core.errors import ConfigError, DataError, UnknownName
from spareto.data.datasets.fashion_mnist import FashionMnist
from spareto.data.encoders.images import registry
from spareto.data.frames import held
from spareto.data.load import load_frames, open_dataset
from spareto.profiling import profile
from spareto.records import TrainingPlan
from spareto.training import train

COUNTS = {"train": 12, "t10k": 6}
CURE = (
    "Get it from https://github.com/zalandoresearch/fashion-mnist, and set SPARETO_DATA "
    "(or the data option 'root') to the folder of fashion_mnist."
)


def idx(values, shape=None):
    shape = shape or values.shape
    return bytes((0, 0, 8, len(shape))) + struct.pack(f">{len(shape)}I", *shape) + values.tobytes()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "fashion_mnist").mkdir()
    rng = np.random.default_rng(0)
    for name, count in COUNTS.items():
        pixels = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        write(tmp_path, f"{name}-images-idx3-ubyte.gz", idx(pixels))
        write(tmp_path, f"{name}-labels-idx1-ubyte.gz", idx(np.arange(count, dtype=np.uint8) % 10))
    return tmp_path


def write(folder, name, content):
    (folder / "fashion_mnist" / name).write_bytes(gzip.compress(content))


def message(folder, split="train", **options):
    with pytest.raises(DataError) as error:
        FashionMnist(root=folder, **options).split(split)
    return str(error.value)


def load(folder, timesteps=4, **options):
    return load_frames(
        "fashion_mnist", timesteps=timesteps, cache=folder / "cache", root=str(folder), **options
    )


def test_both_splits_as_they_are_in_the_files(folder):
    for split, name in (("train", "train"), ("test", "t10k")):
        images = FashionMnist(root=folder / "fashion_mnist").split(split)
        raw = gzip.decompress((folder / "fashion_mnist" / f"{name}-images-idx3-ubyte.gz").read_bytes())
        assert images.pixels.tobytes() == raw[16:]
        assert images.pixels.shape == (COUNTS[name], 1, 28, 28)
        assert images.labels.tolist() == [label % 10 for label in range(COUNTS[name])]


def test_direct_coding_holds_the_image(folder):
    data = load(folder)
    pixels = FashionMnist(root=folder).split("train").pixels
    assert data.train_frames.shape == (4, 12, 1, 28, 28)
    assert all(np.array_equal(frame, pixels) for frame in data.train_frames)
    assert data.train_frames.strides[0] == 0, "one image in memory for all timesteps"
    again = load(folder)
    assert again.hash == data.hash
    assert np.array_equal(again.train_frames, data.train_frames)
    assert load(folder, timesteps=5).hash != data.hash


def test_rate_coding_spikes_as_often_as_the_image_is_bright():
    pixels = np.tile(np.array([0, 1, 64, 128, 254, 255], np.uint8), (300, 1, 1, 1))
    frames = registry.make("rate", seed=3).encode(pixels, 100, "train")
    assert set(np.unique(frames)) == {0, 1}
    rates = frames.mean(axis=(0, 1, 2, 3))
    assert (rates[0], rates[-1]) == (0, 1)
    error = np.sqrt(0.25 / (300 * 100))
    np.testing.assert_allclose(rates, np.array([0, 1, 64, 128, 254, 255]) / 255, atol=5 * error)


def test_rate_coding_follows_its_seed_and_split():
    pixels = np.full((3, 1, 5, 5), 100, np.uint8)

    def frames(seed=0, split="train"):
        return registry.make("rate", seed=seed).encode(pixels, 6, split).tobytes()

    assert frames() == frames()
    assert len({frames(), frames(1), frames(0, "test")}) == 3


def test_a_limit_takes_the_first_images(folder):
    few, all_ = load(folder, limit=5), load(folder)
    assert few.train_labels.tolist() == all_.train_labels[:5].tolist()
    assert np.array_equal(few.test_frames, all_.test_frames[:, :5])


@pytest.mark.parametrize("coding", registry.names())
def test_a_network_trains_on_it_and_is_profiled(folder, coding):
    data = load(folder, coding=coding)
    torch.manual_seed(0)
    network = networks.build("conv", sensor=data.info.sensor, classes=10, channels=(2,), votes=1)
    train(network, data, TrainingPlan(epochs=1, batch_size=6, max_shift=1))
    layer = profile(network, data.test_frames, data.test_labels).workload.layers[0]
    assert (layer.input.kind, layer.input.bits) == (("analog", 8) if coding == "direct" else ("spike", 1))


def test_held_frames_are_those_of_a_copy():
    pixels = np.arange(24, dtype=np.uint8).reshape(1, 2, 1, 3, 4)
    assert np.array_equal(held(pixels, 3), np.repeat(pixels, 3, axis=0))
    assert held(pixels, 1) is pixels


def test_a_missing_file(tmp_path):
    path = tmp_path / "fashion_mnist" / "train-images-idx3-ubyte.gz"
    got = "got no such file or folder; expected an idx file of bytes with 3 axes"
    assert message(tmp_path) == f"{path}: {got}. {CURE}"


@pytest.mark.parametrize("size", [0, 10, 100, -1])
def test_a_truncated_file(folder, size):
    path = folder / "fashion_mnist" / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:size])
    text = message(folder)
    assert text.startswith(f"{path}: got a ")
    assert text.endswith(f"; expected an idx file of bytes with 3 axes. {CURE}")


def test_a_file_shorter_than_it_says(folder):
    write(folder, "train-labels-idx1-ubyte.gz", idx(np.zeros(5, np.uint8), (12,)))
    path = folder / "fashion_mnist" / "train-labels-idx1-ubyte.gz"
    assert message(folder) == f"{path}: got 5 values; expected 12, as its header says. {CURE}"


def test_a_file_of_another_kind(folder):
    write(folder, "train-images-idx3-ubyte.gz", b"\x89PNG and more, much more")
    path = folder / "fashion_mnist" / "train-images-idx3-ubyte.gz"
    got = "got a file that begins with 89 50 4e 47; expected an idx file of bytes with 3 axes"
    assert message(folder) == f"{path}: {got}. {CURE}"


def test_files_that_do_not_belong_together(folder):
    write(folder, "train-images-idx3-ubyte.gz", idx(np.zeros((3, 20, 20), np.uint8)))
    write(folder, "train-labels-idx1-ubyte.gz", idx(np.full(4, 11, np.uint8)))
    path = folder / "fashion_mnist" / "train-images-idx3-ubyte.gz"
    assert message(folder).splitlines() == [
        f"{path}: got images of 20×20 pixels; expected images of 28×28 pixels. {CURE}",
        f"{path}: got 3 images and 4 labels; expected as many labels as images. {CURE}",
        f"{path}: got a label 11; expected labels from 0 to 9. {CURE}",
    ]


def test_options(folder):
    with pytest.raises(UnknownName) as error:
        FashionMnist(root=folder, coding="rat")
    assert (
        str(error.value)
        == "image coding: got 'rat'; expected one of delta, direct, latency, rate. Did you mean 'rate'?"
    )
    with pytest.raises(ConfigError) as error:
        FashionMnist(root=folder, seed=1)
    rule = "no option, for image coding 'direct' has none"
    assert str(error.value) == f"data.options.seed: got an unknown option; expected {rule}."
    with pytest.raises(ConfigError) as error:
        open_dataset("fashion_mnist", root=folder, limit=0)
    assert str(error.value) == "data.options.limit: got 0; expected an integer of at least 1."
    with pytest.raises(ConfigError) as error:
        FashionMnist(root=folder, coding="rate", seed=-1)
    assert str(error.value) == "data.options.seed: got -1; expected an integer of at least 0, below 2^63."
