import pytest
from hypothesis import given
from hypothesis import strategies as st

from spareto.core.amounts import (
    MICROJOULES,
    digits,
    duration,
    energy,
    energy_unit,
    file_size,
    memory,
    percent,
    times,
)


@pytest.mark.parametrize(
    ("energies", "sign"),
    [
        ([999.0], "pJ"),
        ([1000.0], "nJ"),
        ([5.0, 2e6], "µJ"),
        ([3e9], "mJ"),
        ([7e13], "J"),
        ([0.0], "pJ"),
        ([], "pJ"),
    ],
)
def test_the_largest_energy_chooses_the_unit(energies, sign) -> None:
    assert energy_unit(energies).sign == sign


def test_energy_text_keeps_number_and_unit_together() -> None:
    assert energy_unit([1.371e6]).text(1.371e6) == "1.37\u00a0µJ"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.044812, "0.0448"),
        (4.5e-9, "0.000000004"),
        (0.2344, "0.234"),
        (0.9996, "1.00"),
        (9.996, "10.0"),
        (97.25, "97.2"),
        (1234.5, "1,234"),
    ],
)
def test_three_significant_digits(value, text) -> None:
    assert digits(value) == text


@given(st.floats(1e-6, 1e12))
def test_amounts_stay_within_half_a_percent(value) -> None:
    assert float(digits(value).replace(",", "")) == pytest.approx(value, rel=5.1e-3)


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.00 KiB"), (4259, "4.16 KiB"), (2**21, "2.00 MiB")],
)
def test_file_sizes(count, text) -> None:
    assert file_size(count).replace("\u00a0", " ") == text


def test_times() -> None:
    assert times(8.0, 2.0) == "4.00"
    assert times(8.0, 0.0) == "∞"


def test_percent() -> None:
    assert percent(0.9725) == "97.2\u00a0%"


def test_a_terminal_shows_the_unit_that_suits_or_the_one_asked_for() -> None:
    assert energy(2.5e6) == "2.50 µJ"
    assert energy(1234.0, MICROJOULES) == "0.00123 µJ"
    assert [duration(us) for us in (None, 12.0, 306_000.0, 2e6)] == ["–", "12.0 µs", "306 ms", "2.00 s"]
    assert memory(8 * 4259) == "4.16 KiB"
