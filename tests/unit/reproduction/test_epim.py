"""ResNet-50's crossbars, number by number, and what bits and epitomes save of them apart."""

from math import prod

import pytest

from spareto.core.units import Quantity
from spareto.hardware import load_accelerator
from spareto.records import EpitomeStep
from spareto.reproduction.epim import factors, resnet50

STEP = EpitomeStep(rows=1024, columns=256)


def arrays(size, cell_bits):
    """Crossbars of one size and cell."""

    def given(value, unit):
        return Quantity(value=value, unit=unit, source="the setting under test")

    sides = {"rows": given(size, "instances"), "columns": given(size, "instances")}
    return load_accelerator("isaac_like").arrays.replace(**sides, cell_bits=given(cell_bits, "bits"))


def test_resnet50_has_its_layers_and_weights():
    shapes = resnet50()
    assert len(shapes) == 54
    assert sum(prod(shape.weight) for shape in shapes) == 25_502_912  # 25,557,032 with norms and the bias
    macs = sum(prod(shape.weight) * shape.positions for shape in shapes)
    assert macs == 4_089_184_256  # torchvision tells 4.09 GFLOPS
    assert shapes[0].weight == (64, 3, 7, 7)
    assert shapes[-1].weight == (1000, 2048, 1, 1)
    assert len({shape.name for shape in shapes}) == 54


@pytest.mark.parametrize(
    ("bits", "cell_bits", "size", "expected"),
    [(32, 1, 256, 12_736), (8, 2, 128, 6_260), (8, 1, 256, 3_190)],
)
def test_crossbars_of_resnet50(bits, cell_bits, size, expected):
    assert factors(resnet50(), arrays(size, cell_bits), bits).narrow == expected


def test_pairs_of_arrays_double_the_count():
    pairs = arrays(256, 1).replace(polarity="pairs")
    assert factors(resnet50(), pairs, 32).narrow == 2 * 12_736


def test_bits_and_epitomes_are_told_apart_and_multiply():
    found = factors(resnet50(), arrays(256, 1), 3, STEP)
    assert (found.floats, found.narrow, found.epitomes) == (12_736, 1_213, 362)
    assert found.by_bits == pytest.approx(10.4996, abs=1e-4)  # 32 / 3 = 10.67 without what ceilings waste
    assert found.by_epitomes == pytest.approx(3.3508, abs=1e-4)
    assert found.together == pytest.approx(found.by_bits * found.by_epitomes)
    published = 30.65
    assert published / 2 < found.together < published * 2  # the published layout is not known


def test_without_a_step_epitomes_save_nothing():
    found = factors(resnet50(), arrays(256, 1), 3)
    assert found.by_epitomes == 1.0
    assert found.together == found.by_bits
