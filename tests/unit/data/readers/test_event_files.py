"""Readers of event files, on files written byte by byte."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import event_files as files
from spareto.core.errors import ConfigError, DataError
from spareto.data.readers import read_events, reader_of, registry, suffixes
from spareto.data.readers.aedat2 import Aedat2

SOME = files.events()


def written(folder, name, some=SOME):
    write, suffix = files.WRITERS[name]
    path = Path(folder) / f"recording{suffix}"
    path.write_bytes(write(some))
    return path


def listed(stream):
    columns = (stream.t_us, stream.x, stream.y, stream.polarity)
    return list(zip(*(column.tolist() for column in columns), strict=True))


@pytest.fixture(params=files.WRITERS)
def name(request):
    return request.param


def test_a_file_gives_the_events_that_were_written(name, tmp_path):
    stream = read_events(written(tmp_path, name))
    assert listed(stream) == SOME
    assert (stream.x.dtype, stream.polarity.dtype, stream.t_us.dtype) == (np.uint16, np.uint8, np.int64)
    assert not stream.notes


def test_every_format_has_a_writer_here():
    assert {name.replace("evt2", "prophesee_raw") for name in files.WRITERS} - {"evt3"} == set(
        registry.names()
    )
    assert suffixes() == (".aedat", ".aedat2", ".aedat3", ".aedat4", ".bin", ".dat", ".npz", ".raw")


def test_an_empty_file_is_refused(name, tmp_path):
    path = written(tmp_path, name)
    path.write_bytes(b"")
    with pytest.raises(DataError, match=r"got an empty file; expected a file of .*Copy the file again"):
        read_events(path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"none\.dat: got no such file; expected a file of events"):
        read_events(tmp_path / "none.dat")


def test_a_truncated_file_is_refused(name, tmp_path):
    path = written(tmp_path, name)
    content = path.read_bytes()
    for left in (len(content) - 1, len(content) - 3):
        path.write_bytes(content[:left])
        if name in ("evt3",) and left % 2 == len(content) % 2:
            continue
        with pytest.raises(DataError) as caught:
            read_events(path)
        assert str(path) in str(caught.value)


def test_another_file_of_that_name_is_refused(name, tmp_path):
    if name == "nmnist_bin":
        pytest.skip("it has no header")
    path = written(tmp_path, name)
    path.write_bytes(b"GIF89a" + path.read_bytes()[6:])
    with pytest.raises(DataError, match=r"GIF89a|begins otherwise|no format in its header"):
        read_events(path)


def test_a_file_of_no_known_format_names_them_all(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("hello")
    with pytest.raises(
        DataError, match=r"a file of no known format; expected one of AEDAT 2\.0, AEDAT 3\.1, AEDAT 4"
    ):
        reader_of(path)


def test_times_that_run_back_are_refused_or_sorted(name, tmp_path):
    if name == "nmnist_bin":
        assert listed(read_events(written(tmp_path, name, SOME[::-1]))) == sorted(
            SOME, key=lambda event: event[0]
        )
        return
    swapped = [*SOME[:50], SOME[52], SOME[51], SOME[50], *SOME[53:]]
    path = written(tmp_path, name, swapped)
    with pytest.raises(
        DataError, match=r": t, event 51: got .* us after .* us, the first of 2 such; expected times"
    ):
        read_events(path)
    stream = read_events(path, disorder="sort")
    assert listed(stream) == SOME
    assert stream.notes == ("2 of 200 times ran back; the events were sorted.",)


def test_a_pixel_outside_the_sensor_is_refused(name, tmp_path):
    stream = read_events(written(tmp_path, name))
    assert stream.within(34, 34) is stream
    first = next(place for place, event in enumerate(SOME) if event[1] > 20)
    with pytest.raises(
        DataError, match=rf": x, event {first}: got .*, the first of .* outside; expected values from 0 to 20"
    ):
        stream.within(34, 21)


def test_the_names_ending_does_not_matter_where_the_content_tells(tmp_path):
    for name in ("aedat2", "aedat3", "aedat4", "prophesee_dat", "evt2"):
        path = tmp_path / f"{name}.bin"
        path.write_bytes(files.WRITERS[name][0](SOME))
        assert listed(read_events(path)) == SOME


def test_memory_stays_within_the_stated_multiple_of_the_file(name, tmp_path):
    some = files.events(40_000)
    path = written(tmp_path, name, some)
    reader = reader_of(path)
    reader.read(path)  # what is imported at the first read is no part of it
    tracemalloc.start()
    reader.read(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < reader.expansion * path.stat().st_size


def test_vectors_of_twelve_stay_within_the_multiple(tmp_path):
    path = tmp_path / "a.raw"
    path.write_bytes(files.evt3([8 << 12, 6 << 12, 7, *([3 << 12] + [4 << 12 | 0xFFF] * 90) * 900]))
    reader = reader_of(path)
    tracemalloc.start()
    assert len(reader.read(path)) == 900 * 90 * 12
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < reader.expansion * path.stat().st_size


def test_a_header_without_an_end_is_refused(tmp_path):
    path = tmp_path / "a.aedat"
    path.write_bytes(b"#!AER-DAT3.1\r\n#Format: RAW\r\n")
    with pytest.raises(DataError, match="a header that does not end; expected the line #!END-HEADER"):
        read_events(path)
    path.write_bytes(b"#!AER-DAT2.0\r\n# no end of line")
    with pytest.raises(DataError, match="a header that does not end; expected lines that begin with #"):
        read_events(path)


def test_aedat_2_whose_data_look_like_a_line_of_the_header(tmp_path):
    path = tmp_path / "a.aedat"
    head, event = files.aedat2([]), b"#\0\0\0\0\0\0\7"
    path.write_bytes(head + event + files.aedat2(SOME)[len(head) :])
    assert len(read_events(path)) == len(SOME) + 1


def test_aedat_2_of_a_davis_and_of_events_from_outside(tmp_path):
    path = tmp_path / "a.aedat"
    path.write_bytes(files.davis2(files.events(width=240, height=180)))
    assert listed(read_events(path)) == files.events(width=240, height=180)
    assert read_events(path).size is None
    path.write_bytes(files.aedat2(SOME) + bytes.fromhex("0000800000ffffff"))
    assert read_events(path).notes == ("1 records that are no events are left out.",)
    assert listed(Aedat2(chip="dvs128").read(path)) == SOME
    with pytest.raises(ConfigError, match="got 'dvs640'; expected dvs128 or davis"):
        Aedat2(chip="dvs640")


def test_aedat_3_leaves_out_what_is_not_valid_and_counts_overflows(tmp_path):
    path = tmp_path / "a.aedat"
    path.write_bytes(
        files.aedat3(
            files.packet3(SOME[:5], room=9),
            files.packet3(SOME[5:7], valid=0),
            files.packet3([(1, 2, 3, 4)], kind=2),
            files.packet3([(7, 1, 2, 1)], overflow=1),
        )
    )
    assert listed(read_events(path)) == [*SOME[:5], (7 + (1 << 31), 1, 2, 1)]


@pytest.mark.parametrize(
    ("packet", "said"),
    [
        (files.packet3(SOME)[:20], "20 bytes of a packet's header"),
        (files.packet3(SOME, kind=99), "a packet of kind 99"),
        (files.packet3(SOME)[:-8], "200 of 200 events of 8 bytes"),
        (files.packet3(SOME)[:4] + bytes(4) + files.packet3(SOME)[8:], "events of 0 bytes"),
    ],
)
def test_aedat_3_with_a_damaged_packet_says_where(packet, said, tmp_path):
    path = tmp_path / "a.aedat"
    path.write_bytes(files.aedat3(packet))
    with pytest.raises(DataError, match=said):
        read_events(path)


def test_dat_of_another_kind_and_old_raw_are_refused(tmp_path):
    path = tmp_path / "a.dat"
    path.write_bytes(files.dat(SOME, kind=14, size=16))
    with pytest.raises(DataError, match=r"kind and size \[14, 16\] behind the header"):
        read_events(path)
    path = tmp_path / "a.raw"
    path.write_bytes(b"% evt 2.1\n% end\n")
    with pytest.raises(DataError, match=r"got EVT 2\.1; expected % evt 2\.0 or % evt 3\.0"):
        read_events(path)


def test_aedat_4_is_read_with_any_compression(tmp_path):
    lz4, zstandard = pytest.importorskip("lz4.frame"), pytest.importorskip("zstandard")
    path = tmp_path / "a.aedat4"
    for compression, pack in (
        (1, lz4.compress),
        (2, lz4.compress),
        (3, zstandard.compress),
        (4, zstandard.compress),
    ):
        path.write_bytes(files.aedat4(SOME, compression=compression, pack=pack))
        assert listed(read_events(path)) == SOME
        assert read_events(path).size == (34, 34)
        path.write_bytes(
            files.aedat4(SOME, compression=compression, pack=lambda content, pack=pack: pack(content)[:-9])
        )
        with pytest.raises(DataError, match="a truncated or damaged file"):
            read_events(path)
    path.write_bytes(files.aedat4(SOME, compression=7))
    with pytest.raises(DataError, match="a truncated or damaged file \\(compression 7\\)"):
        read_events(path)


def test_aedat_4_as_another_decoder_reads_it(tmp_path):
    aedat = pytest.importorskip("aedat", reason="needs aedat")
    path = tmp_path / "a.aedat4"
    path.write_bytes(files.aedat4(SOME))
    (packet,) = list(aedat.Decoder(str(path)))
    assert [(t, x, y, int(on)) for t, x, y, on in packet["events"].tolist()] == SOME


def test_aedat_4_without_a_stream_of_events_is_refused(tmp_path):
    path = tmp_path / "a.aedat4"
    path.write_bytes(files.aedat4(SOME).replace(b">EVTS<", b">FRME<"))
    with pytest.raises(DataError, match="0 streams of events where one is read"):
        read_events(path)


@pytest.mark.parametrize("at", [0, 3, -1])
@pytest.mark.parametrize("t", [-(2**63), -(2**52) - 1, 2**52 + 1, 2**63 - 1])
def test_times_whose_differences_wrap_around_are_refused(t, at, tmp_path):
    some = [list(event) for event in SOME]
    some[at][0] = t
    path = written(tmp_path, "aedat4", some)
    with pytest.raises(DataError, match="140 years"):
        read_events(path, disorder="sort")
