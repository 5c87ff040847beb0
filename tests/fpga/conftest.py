"""What the tests of the FPGA room share."""

import shutil

import pytest

from spareto.fpga import Options, simulate
from spareto.fpga.folder import write_circuit


@pytest.fixture(scope="session")
def simulated(tmp_path_factory):
    """Write a circuit, simulate it, and hold it to golden model and cycle model."""
    if shutil.which("iverilog") is None:
        pytest.skip("no Icarus Verilog here: apt-get install iverilog")

    def run(circuit, frames, simulator="iverilog", images=None, stalls=0, **options):
        folder = tmp_path_factory.mktemp("verilog")
        write_circuit(circuit, folder, Options(word_bits=8, **options), frames, images)
        found = simulate(folder, simulator, stalls=stalls)
        assert found.agrees, found.said
        if stalls:
            assert found.cycles >= found.predicted
        else:
            assert found.cycles == found.predicted
            assert found.busy == found.predicted_busy
        shutil.rmtree(folder)
        return found

    return run
