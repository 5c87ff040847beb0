"""Other frameworks read our NIR files and write their own; spikes are the same, or a reason is given."""

import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import spareto
from conventions import peer
from spareto.core.errors import ConfigError

nir = pytest.importorskip("nir")
HERE = Path(__file__).parent
NEWER = HERE.parents[1] / ".venv" / "nir"
"""nir 1.0.8 and nirtorch 2.6, put there by `make setup`: sinabs keeps the environment at older ones."""
DT = 1e-4


def fractions(network, strength=0.8, steps=64):
    """Weights that are short binary fractions, so that sums are exact."""
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.dim() > 1:
                nn.init.normal_(parameter, 0, strength)
            if parameter.dim():
                parameter.copy_(torch.round(parameter * steps) / steps)
    return network


@pytest.fixture(scope="module")
def frames():
    return (torch.rand(15, 20, 16, generator=torch.Generator().manual_seed(2)) < 0.4).float()


def snntorch_network():
    snn = peer("snntorch")
    options = {"reset_mechanism": "zero", "init_hidden": True}
    return fractions(
        nn.Sequential(
            *(nn.Linear(16, 12), snn.Leaky(beta=0.75, **options)),
            *(nn.Linear(12, 5), snn.Leaky(beta=0.5, **options)),
        ),
        steps=2**20,  # no potential is at its threshold, where SpikingJelly fires and NIR does not
    )


@pytest.fixture(scope="module")
def exchanged(frames, tmp_path_factory):
    """Folder of files and results of the newer environment; ours came from snnTorch."""
    if not NEWER.is_dir():
        pytest.skip(f"{NEWER} is not there; make setup makes it")
    folder = tmp_path_factory.mktemp("exchanged")
    np.save(folder / "frames.npy", frames.numpy())
    network = spareto.convert(snntorch_network(), frames)
    spareto.export_to(network, "nir", folder / "ours.nir", dt=DT)
    with torch.no_grad():
        spikes = network.eval()(frames)
    environment = {**os.environ, "PYTHONPATH": str(NEWER), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(HERE / "nir_peers.py"), str(folder)]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=550)
    assert run.returncode == 0, run.stderr[-2000:]
    return folder, dict(np.load(folder / "results.npz")), spikes


@pytest.mark.parametrize("reader", ["spikingjelly", "snntorch"])
def test_snntorch_through_ours_and_nir_to_others(reader, exchanged):
    _, results, spikes = exchanged
    assert spikes.sum() > 100
    assert np.array_equal(results[f"ours_in_{reader}"], spikes.numpy())


@pytest.mark.parametrize("name", ["if", "lif", "conv"])
def test_files_of_spikingjelly(name, exchanged, frames):
    folder, results, _ = exchanged
    given = frames.unflatten(-1, (1, 4, 4)) if name == "conv" else frames
    back = spareto.convert(folder / f"jelly_{name}.nir", given, dt=DT)
    if name == "lif":  # SpikingJelly fires at the threshold, NIR above it: files do not say so
        assert "v_reset" in str(back.parts) or back.notes
    with torch.no_grad():
        found = back(given).numpy()
    expected = results[f"jelly_{name}"]
    assert expected.sum() > 50
    at_threshold = float((found != expected).mean())
    assert at_threshold < 0.05
    assert "is the original's" in back.notes[-1]


def test_files_of_snntorch(exchanged, frames):
    folder, results, _ = exchanged
    assert "snntorch_failed" not in results, results["snntorch_failed"]
    back = spareto.convert(folder / "snntorch.nir", frames, dt=DT)
    with torch.no_grad():
        assert np.array_equal(back(frames).numpy(), results["snntorch"])


def test_files_of_sinabs(frames, tmp_path):
    """IF neurons: time constants are in timesteps, and the file does not say what a spike does."""
    layers, activation = peer("sinabs.layers"), peer("sinabs.activation")
    to_nir = peer("sinabs.nir").to_nir
    options = {"spike_fn": activation.SingleSpike, "batch_size": 20}
    network = fractions(
        nn.Sequential(
            *(nn.Linear(16, 12), layers.IAFSqueeze(**options)),
            *(nn.Linear(12, 5), layers.IAFSqueeze(**options)),
        )
    )
    flat = frames.transpose(0, 1).flatten(0, 1)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        expected = network(flat).unflatten(0, (20, 15)).transpose(0, 1)
        nir.write(tmp_path / "sinabs.nir", to_nir(network, flat))
    with pytest.raises(ConfigError, match="what a spike does"):
        spareto.convert(tmp_path / "sinabs.nir", frames, dt=1)
    back = spareto.convert(tmp_path / "sinabs.nir", frames, dt=1, reset="subtract")
    with torch.no_grad():
        found = back(frames)
    assert expected.sum() > 100
    assert float((found != expected).float().mean()) < 0.05  # sinabs fires at the threshold


def test_files_of_norse(frames, tmp_path):
    """Norse multiplies by its dt twice; the message says which dt reads its files."""
    norse = peer("norse.torch")
    cells = [norse.LIFBoxCell(norse.LIFBoxParameters(tau_mem_inv=torch.as_tensor(250.0))) for _ in range(2)]
    network = fractions(norse.SequentialState(nn.Linear(16, 12), cells[0], nn.Linear(12, 5), cells[1]), 2.0)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        nir.write(tmp_path / "norse.nir", norse.to_nir(network, frames[0]))
        state, out = None, []
        for now in frames:
            z, state = network(now, state)
            out.append(z)
    with pytest.raises(ConfigError, match="a time constant of at least dt"):
        spareto.convert(tmp_path / "norse.nir", frames, dt=1e-3, reset="zero")
    back = spareto.convert(tmp_path / "norse.nir", frames, dt=1e-6, reset="zero")
    with torch.no_grad():
        expected = torch.stack(out)
        assert expected.sum() > 50
        assert torch.equal(back(frames), expected)
