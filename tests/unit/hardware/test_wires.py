"""Wires: free unless priced; one price a bit and hop, hops as Timeloop estimates them."""

import numpy as np
import pytest
import yaml

import workloads
from spareto import hardware
from spareto.formats import registry
from spareto.hardware.charging.design_points import layer_points
from spareto.hardware.charging.layer import charge
from spareto.hardware.charging.wires import hops
from spareto.hardware.describing.nest import Loop, Nest

CHIP = hardware.load_accelerator("eyeriss_like")
LAYER = workloads.layer(channels=(8, 4), size=8, kernel=1, timesteps=1, sparsity=0.0, rate=1.0, neuron=None)
NEST = Nest(
    tuple(level.name for level in CHIP.levels),
    (
        Loop.of("shared_glb", "temporal", "P", 8),
        Loop.of("shared_glb", "temporal", "Q", 8),
        Loop.of("shared_glb", "spatial", "M", 4),
        Loop.of("pe_column", "spatial", "C", 8),
    ),
)


@pytest.fixture
def wired(tmp_path):
    def build(**prices):
        wire = {"unit": "pJ/bit", "source": "test"}
        changes = {name: {"wire_energy": {"value": price, **wire}} for name, price in prices.items()}
        path = tmp_path / "wires.yaml"
        path.write_text(yaml.safe_dump({"components": changes}))
        return hardware.load_accelerator("eyeriss_like", overrides=path)

    return build


def charged(chip):
    points = layer_points([LAYER], chip, {"none": registry.make("none")}, ("mean",))
    return charge(points, NEST, chip)


def test_hops_on_a_square_grid():
    assert hops(np.ones(1), np.ones(1))[0] == 0  # nowhere to go
    assert hops(np.array([1.0]), np.array([16.0]))[0] == 4 + 1.5 - 4 + 0.5
    assert hops(np.array([16.0]), np.array([16.0]))[0] == 16 - 0.5
    assert hops(np.array([4.0]), np.array([16.0]))[0] == 8 + 1 - 2 + 0.5


def test_wires_without_a_price_are_free():
    assert not [flow for flow in charged(CHIP).flows if flow.action == "hop"]


def test_every_bit_pays_its_hops_at_every_level_it_passes(wired):
    chip = wired(shared_glb=0.5, pe_column=0.25)
    found = {(a.component, a.tensor): a for a in charged(chip).actions() if a.action == "hop"}
    across = {shared: float(hops(np.array([shared]), np.array([4.0]))[0]) for shared in (1.0, 4.0)}
    down = {shared: float(hops(np.array([shared]), np.array([8.0]))[0]) for shared in (1.0, 8.0)}
    pixels = 64
    # inputs: 8 channels a pixel, multicast to the 4 columns, then one for each unit of a column
    assert found["shared_glb", "inputs"].count == pytest.approx(8 * pixels * across[4.0])
    assert found["pe_column", "inputs"].count == pytest.approx(8 * pixels * 4 * down[1.0])
    # partial sums: one of 16 bits a column and pixel, added up over the units of the column
    assert found["shared_glb", "outputs"].count == pytest.approx(4 * pixels * 16 * across[1.0])
    assert found["pe_column", "outputs"].count == pytest.approx(4 * pixels * 16 * down[8.0])
    assert found["pe_column", "inputs"].energy_pj == pytest.approx(0.25 * found["pe_column", "inputs"].count)


def test_wires_add_up_like_everything_else(wired):
    priced, free = charged(wired(shared_glb=0.5, pe_column=0.25)), charged(CHIP)
    wires = sum(action.energy_pj for action in priced.actions() if action.action == "hop")
    assert priced.energy_pj()[0, 0] == pytest.approx(free.energy_pj()[0, 0] + wires)
    assert sum(table[0, 0] for table in priced.energy_by_component_pj().values()) == pytest.approx(
        priced.energy_pj()[0, 0]
    )
    assert priced.cycles[0, 0] == free.cycles[0, 0]
