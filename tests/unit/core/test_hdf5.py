"""Heaps that HDF5 would read forever are refused before it reads them."""

import pytest

from spareto.core.hdf5 import check_heaps, check_lengths

h5py = pytest.importorskip("h5py")
HEAP, HEADER = b"GCOL\x01", 16


def written(path, count=300, libver="earliest", block=0):
    with h5py.File(path, "w", libver=libver, userblock_size=block) as file:
        file["texts"] = [f"{number}" * (number % 50 + 1) for number in range(count)]
        arrays = file.create_dataset(
            "arrays", (count,), h5py.vlen_dtype("f8"), chunks=(7,), compression="gzip"
        )
        for number in range(count):
            arrays[number] = [1.0] * number
    return path.read_bytes()


@pytest.mark.parametrize(("libver", "block"), [("earliest", 0), ("latest", 0), ("earliest", 1024)])
def test_sound_files_pass(libver, block, tmp_path):
    path = tmp_path / "sound.h5"
    assert written(path, libver=libver, block=block).count(HEAP) > 3
    check_heaps(path)


@pytest.mark.parametrize("length", [0, 8, 1 << 20, (1 << 64) - 1])
def test_an_object_that_takes_no_room_or_too_much_is_refused(length, tmp_path):
    content = bytearray(written(tmp_path / "sound.h5"))
    heap = content.index(HEAP)
    content[heap + HEADER : heap + HEADER + 2] = bytes(2)  # the first object is room that is free
    content[heap + HEADER + 8 : heap + HEADER + 16] = length.to_bytes(8, "little")
    damaged = tmp_path / "damaged.h5"
    damaged.write_bytes(content)
    with pytest.raises(ValueError, match=f"an object of {length:,} bytes"):
        check_heaps(damaged)


def test_other_lengths_are_refused(tmp_path):
    content = bytearray(written(tmp_path / "sound.h5"))
    content[14] = 4
    damaged = tmp_path / "damaged.h5"
    damaged.write_bytes(content)
    with pytest.raises(ValueError, match="lengths of 4 bytes"):
        check_heaps(damaged)


def test_files_that_are_no_hdf5_pass(tmp_path):
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "other").write_bytes(b"GCOL" * 1000)
    check_heaps(tmp_path / "empty")
    check_heaps(tmp_path / "other")


@pytest.mark.parametrize("chunks", [None, (7,)])
@pytest.mark.parametrize("kind", ["text", "array"])
def test_a_length_that_lies_is_refused(kind, chunks, tmp_path):
    path, count = tmp_path / "lengths.h5", 21
    stored = h5py.string_dtype() if kind == "text" else h5py.vlen_dtype("f4")
    with h5py.File(path, "w") as file:
        made = file.create_dataset("values", (count,), stored, chunks=chunks)
        for number in range(count):
            made[number] = "ab" if kind == "text" else [1.0, 2.0]
        check = made.id.get_chunk_info(1).byte_offset if chunks else made.id.get_offset()
    with h5py.File(path, "r") as file:
        check_lengths(path, file["values"])
    content = bytearray(path.read_bytes())
    content[check : check + 4] = (1 << 31).to_bytes(4, "little")
    path.write_bytes(content)
    with h5py.File(path, "r") as file, pytest.raises(ValueError, match="2,147,483,648 parts"):
        check_lengths(path, file["values"])


def test_numbers_have_no_lengths(tmp_path):
    with h5py.File(tmp_path / "numbers.h5", "w") as file:
        file["values"] = [1.0, 2.0]
        check_lengths(tmp_path / "numbers.h5", file["values"])
