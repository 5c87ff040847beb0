"""What runs where nir is newer than sinabs allows: SpikingJelly's and snnTorch's own importers and exporters.

`python nir_peers.py FOLDER`, with `.venv/nir` on the path: imports `ours.nir`, exports networks of
theirs, and leaves what all of them gave in `results.npz`.
"""

import sys
import warnings
from pathlib import Path

import nir
import numpy as np
import torch
from torch import nn

DT = 1e-4


def fractions(network, strength):
    """Weights that are short binary fractions, so that sums are exact."""
    torch.manual_seed(0)
    for parameter in network.parameters():
        if parameter.dim() > 1:
            nn.init.normal_(parameter, 0, strength)
        if parameter.dim():
            parameter.data = torch.round(parameter.data * 64) / 64
    return network


def stepped(network, frames):
    """All timesteps of a network that hands its state around."""
    state, found = None, []
    for frame in frames:
        out, state = network(frame) if state is None else network(frame, state)
        found.append(out.detach())
    return torch.stack(found).float().numpy()


def jelly_networks():
    """Each kind of neuron that SpikingJelly exports."""
    from spikingjelly.activation_based import layer, neuron

    yield "if", nn.Sequential(layer.Linear(16, 12), neuron.IFNode(), layer.Linear(12, 5), neuron.IFNode())
    lif = nn.Sequential(layer.Linear(16, 12), neuron.LIFNode(tau=2.0), layer.Linear(12, 5))
    yield "lif", lif.append(neuron.LIFNode(tau=4.0, decay_input=False, v_reset=-0.5))
    conv = nn.Sequential(layer.Conv2d(1, 3, 3, padding=1), neuron.LIFNode(tau=2.0), layer.AvgPool2d(2))
    yield "conv", conv.extend([layer.Flatten(), layer.Linear(12, 5), neuron.ParametricLIFNode(init_tau=2.0)])


def export_jelly(folder, frames, results):
    """Files of SpikingJelly's exporter, and the spikes of its networks."""
    from spikingjelly.activation_based import functional, nir_exchange

    for name, network in jelly_networks():
        fractions(network, 2.0 if name == "conv" else 0.8)
        given = frames.unflatten(-1, (1, 4, 4)) if name == "conv" else frames
        functional.set_step_mode(network, "m")
        nir_exchange.export_to_nir(network, given, folder / f"jelly_{name}.nir", dt=DT)
        functional.reset_net(network)
        results[f"jelly_{name}"] = network(given).detach().numpy()


def export_snntorch(folder, frames, results):
    """A file of snnTorch's exporter; it takes decays a neuron each."""
    import snntorch
    from snntorch.export_nir import export_to_nir

    options = {"reset_mechanism": "zero", "reset_delay": False, "init_hidden": True}
    network = nn.Sequential(
        nn.Linear(16, 12), snntorch.Leaky(beta=torch.full((12,), 0.75), threshold=torch.ones(12), **options),
        nn.Linear(12, 5), snntorch.Leaky(beta=torch.full((5,), 0.5), threshold=torch.ones(5), **options),
    )  # fmt: skip
    fractions(network, 0.8)
    graph = export_to_nir(network, frames[0], ignore_dims=[0])
    nir.write(folder / "snntorch.nir", graph)
    for module in network:
        if hasattr(module, "reset_mem"):
            module.reset_mem()
    results["snntorch"] = np.stack([network(frame).detach().numpy() for frame in frames])


def main(folder):
    """Everything; the first error ends it."""
    from snntorch.import_nir import import_from_nir
    from spikingjelly.activation_based import nir_exchange

    frames = torch.from_numpy(np.load(folder / "frames.npy"))
    results = {}
    for path in sorted(folder.glob("ours*.nir")):
        jelly = nir_exchange.import_from_nir(path, dt=DT, step_mode="s")
        results[f"{path.stem}_in_spikingjelly"] = stepped(jelly, frames)
        results[f"{path.stem}_in_snntorch"] = stepped(import_from_nir(nir.read(path)), frames)
    export_jelly(folder, frames, results)
    try:
        export_snntorch(folder, frames, results)
    except Exception as error:
        results["snntorch_failed"] = np.array(f"{type(error).__name__}: {error}")
    np.savez(folder / "results.npz", **results)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(Path(sys.argv[1]))
