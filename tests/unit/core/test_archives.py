"""Compressed content takes the memory that it declares, and may not declare more than is there."""

import base64
import gzip
import io
import math
import struct
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import workloads
from spareto.core.archives import Damaged, inflated, inflated_size, load_arrays
from spareto.core.errors import ConfigError, DataError
from spareto.data import DatasetInfo
from spareto.data.idx import read_idx
from spareto.data.npz_events import LONGEST, read_arrays, recordings_of
from spareto.records import packed
from spareto.records.layer import Layer
from spareto.records.packed import Mask, Numbers

INFO = DatasetInfo(10, (2, 34, 34), 310_000, licence="", source="")


@given(st.binary(max_size=5000), st.integers(0, 6000))
def test_the_size_is_counted_up_to_a_limit(data, most):
    assert inflated_size(zlib.compress(data), most) == min(len(data), most + 1)
    assert inflated(zlib.compress(data), most) == data[: most + 1]


@given(st.binary(min_size=1, max_size=300))
def test_what_is_cut_off_or_goes_on_has_no_size(data):
    packed = zlib.compress(data)
    for wrong in (packed[:-1], packed + b"x", b"", data):
        if wrong is data and data[:1] == b"x":
            continue
        with pytest.raises(ValueError):
            inflated_size(wrong, 10**6)
        with pytest.raises(ValueError):
            inflated(wrong, 10**6)


def peak(run):
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", [Mask, Numbers])
def test_a_mask_that_expands_to_gigabytes_is_stopped(kind):
    stream = zlib.compressobj(9)
    bomb = b"".join([*(stream.compress(bytes(1 << 20)) for _ in range(500)), stream.flush()])
    packed = base64.b64encode(bomb).decode()
    for shape, said in (
        ((4, 4), "not more"),
        ((1 << 40,), "at most"),
        ((1 << 20, 1 << 20, 1 << 20), "at most"),
    ):

        def read(shape=shape, said=said):
            with pytest.raises(ConfigError, match=said):
                kind.parse({"shape": shape, "packed": packed}, "mask")

        assert peak(read) < 20 << 20


@pytest.mark.parametrize("side", [(1 << 14, 1 << 13), (1, 1 << 27), (1 << 27, 1)])
def test_a_workload_of_a_huge_mask_takes_the_memory_of_its_bits(side):
    """A file of 22 kB declares 2^27 weights: 16 MiB of bits, and 1 GiB of 64-bit numbers."""
    rows, columns = side
    bits = base64.b64encode(zlib.compress(bytes(rows * columns // 8), 9)).decode()
    layer = workloads.layer("a", size=1, kernel=1).to_dict()
    layer |= {
        "in_channels": columns,
        "out_channels": rows,
        "kernel": [1, 1],
        "padding": [0, 0],
        "neuron": None,
    }
    layer |= {"weight_mask": {"shape": [rows, columns, 1, 1], "packed": bits}}
    layer |= dict.fromkeys((key for key in layer if key.endswith(("_mean", "_max"))), 0)
    for end, size in (("input", columns), ("output", rows)):
        layer[end] = {"shape": [size, 1, 1], "kind": "spike", "bits": 1, "nonzero_mean": 0, "nonzero_max": 0}
    assert len(bits) < 30_000
    assert peak(lambda: Layer.parse(layer, "layer")) < 60 << 20


@given(st.data())
def test_sums_of_a_mask_are_those_of_its_array(data):
    groups, rows, *rest = data.draw(st.tuples(*[st.integers(1, 4)] * 5))
    shape = (groups * rows, *rest)
    live = np.array(data.draw(st.lists(st.booleans(), min_size=(n := math.prod(shape)), max_size=n)))
    mask, array = Mask.of(live.reshape(shape)), live.reshape(shape)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packed, "_KEPT", data.draw(st.sampled_from((1, 7, 8, 100, 1 << 20))))
        assert np.array_equal(mask.array(), array)
        assert np.array_equal(mask.places(), array.sum(axis=(0, 1)))
        assert np.array_equal(mask.sums(groups), array.reshape(groups, rows, *rest).sum(axis=1))


@pytest.mark.parametrize("name", ["a.npz", "a.npy"])
@pytest.mark.parametrize("dtype", ["u1", "<i8", ">f4", "?", "<U3", "<f2"])
def test_arrays_come_back(name, dtype, tmp_path):
    array = np.arange(24).reshape(2, 3, 4).astype(dtype)
    for one in (array, np.asfortranarray(array), array[:0], np.array(5, dtype)):
        (np.savez_compressed if name == "a.npz" else np.save)(tmp_path / name, one)
        found = load_arrays(tmp_path / name)
        found = found["arr_0"] if isinstance(found, dict) else found
        assert found.dtype == one.dtype
        assert np.array_equal(found, one)
        assert found.flags.writeable


def npy(shape, dtype="'<f8'", content=b""):
    header = f"{{'descr': {dtype}, 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + content


@pytest.mark.parametrize(
    "content",
    [
        npy("(1000000000000,)"),
        npy("(3,)", content=bytes(8)),
        npy("(3,)", content=bytes(25)),
        npy("(-3,)", content=bytes(25)),
        npy("(1,)", "'|O'", bytes(8)),
        npy("(1,)", "'<f9'", bytes(8)),
        npy("'x'", content=bytes(8)),
        npy("(" * 300),
        b"",
        b"\x93NUMPY\xff\xff",
        b"PK\x03\x04",
    ],
    ids=range(11),
)
def test_a_header_that_lies_is_refused(content, tmp_path):
    for name in ("a.npy", "a.npz"):
        path = tmp_path / name
        if name == "a.npz":
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr("x.npy", content)
        else:
            path.write_bytes(content)

        def read(path=path):
            with pytest.raises(Damaged):
                load_arrays(path)

        assert peak(read) < 5 << 20


def test_packed_idx_is_read_as_far_as_its_header_says(tmp_path):
    path = tmp_path / "a.gz"
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb") as stream:
        stream.write(bytes((0, 0, 8, 1)) + struct.pack(">I", 10))
        for _ in range(300):
            stream.write(bytes(1 << 20))
    path.write_bytes(buffer.getvalue())

    def read():
        with pytest.raises(DataError, match="more values"):
            read_idx(path, 1, "")

    assert peak(read) < 5 << 20


def test_an_idx_header_beyond_measure_is_refused(tmp_path):
    path = tmp_path / "a.idx"
    path.write_bytes(bytes((0, 0, 8, 3)) + struct.pack(">III", 60000, 60000, 60000))
    with pytest.raises(DataError, match="at most"):
        read_idx(path, 3, "")


def recording(tmp_path, steps, offsets=(0, 2, 4)):
    path, zeros = tmp_path / "a.npz", np.zeros(4, np.uint8)
    np.savez(path, x=zeros, y=zeros, p=zeros, dt_us=np.array(steps), offsets=offsets, label=[0, 1])
    names = ("x", "y", "p", "dt_us", "offsets", "label")
    return recordings_of(read_arrays(path, names, ""), INFO, path, "")


def test_event_times_neither_wrap_nor_run_back(tmp_path):
    assert recording(tmp_path, [0, LONGEST, 0, 5]).t_us.tolist() == [0, LONGEST, 0, 5]
    for steps in ([0, LONGEST + 1, 0, 0], [5, LONGEST, 1, 0], [0, 3, -1, 2], [0, 3, -3, 2], [-1, 0, 0, 0]):
        if steps == [5, LONGEST, 1, 0]:
            with pytest.raises(DataError, match="an event after"):
                recording(tmp_path, steps)
        else:
            with pytest.raises(DataError, match="dt_us"):
                recording(tmp_path, steps)
    with pytest.raises(DataError, match="dt_us"):
        recording(tmp_path, np.array([0, 2**64 - 1, 1, 0], np.uint64))
