"""Train a 784-128-10 network of 4-bit weights and 6-bit neurons on images, and write it as a package.

    python examples/fpga/train.py --out runs/fpga                       # digits, dense
    python examples/fpga/train.py --out runs/fpga --sparsity 0.8        # 80 % of the weights pruned
    python examples/fpga/train.py --out runs/fpga --images fashion      # Fashion-MNIST

Digits are those of 43 people (optdigits), drawn three times as large, 24x24 of 28x28 pixels; the last 423
training images validate. Of Fashion-MNIST 10,000 images train and the last 1,000 validate.

Pixels become spikes by chance, at a tenth of their grey value; the leak keeps 1 − 2^−4 of a potential.
"""

import argparse
import gzip
import os
from pathlib import Path

import numpy as np
import torch
from torch import nn

import spareto
from spareto.fpga import Golden, Options, circuit_of
from spareto.kernels import dense
from spareto.layers.spiking_dense import SpikingDense
from spareto.neurons import registry
from spareto.neurons.quantized_state import QuantizedState
from spareto.package import write_package
from spareto.package.vectors import vectors_of

RATE, TRAINED, TIMESTEPS, HIDDEN, BATCH, MOST = 0.1, 20, 100, 128, 128, 10_000
HELD = {"digits": 423, "fashion": 1000}
"""Training images that validate."""


def images(name, split, folder):
    """Grey values 0..1, shape (images, 784), and labels; `split` is train, validation or test."""
    pixels, labels = (_digits if name == "digits" else _fashion)(split, folder)
    parts = {"train": slice(0, -HELD[name]), "validation": slice(-HELD[name], None), "test": slice(None)}
    kept = pixels[parts[split]].astype(np.float32), labels[parts[split]].astype(np.int64)
    return torch.from_numpy(kept[0][:MOST]), torch.from_numpy(kept[1][:MOST])


def _digits(split, folder):
    rows = np.loadtxt(
        folder / "uci" / f"optdigits.{'tes' if split == 'test' else 'tra'}", np.int64, delimiter=","
    )
    large = rows[:, :64].reshape(-1, 8, 8).repeat(3, 1).repeat(3, 2)
    return np.pad(large, ((0, 0), (2, 2), (2, 2))).reshape(-1, 784) / 16, rows[:, 64]


def _fashion(split, folder):
    name = "t10k" if split == "test" else "train"
    with gzip.open(folder / "fashion_mnist" / f"{name}-images-idx3-ubyte.gz") as file:
        pixels = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 784)
    with gzip.open(folder / "fashion_mnist" / f"{name}-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(), np.uint8, offset=8)
    return pixels / np.float32(255), labels


def spikes(pixels, timesteps, generator):
    """Bits, shape (time, batch, 784)."""
    return (torch.rand((timesteps, *pixels.shape), generator=generator) < RATE * pixels).float()


def neuron():
    """A leaky neuron of six bits that fires above its threshold."""
    lif = registry.make("lif", beta=1 - 2.0**-4, gain=1.0, reset="subtract", strict=True)
    return QuantizedState(lif, bits=6, v_max=2.0)


def network(hidden):
    """784 inputs, hidden neurons, ten classes."""
    layers = [SpikingDense(nn.Linear(784, hidden, bias=False), neuron()),
              SpikingDense(nn.Linear(hidden, 10, bias=False), neuron())]  # fmt: skip
    for layer, mean, width in zip(layers, (0.0, 0.05), (0.15, 0.25), strict=True):
        nn.init.normal_(layer.linear.weight, mean, width)  # a class that never spikes would not learn to
    return nn.Sequential(*layers)


def train(model, data, epochs, seed):
    """Adam, cross-entropy of the spike counts, warm-up and cosine; data are pixels and labels."""
    pixels, labels = data
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(model.parameters())
    steps = epochs * (len(pixels) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    model.train()
    last = 0.0
    for epoch in range(epochs):
        order = torch.randperm(len(pixels), generator=generator)
        for batch in order.split(BATCH)[: len(pixels) // BATCH]:
            counts = dense(model(spikes(pixels[batch], TRAINED, generator))).sum(0)
            loss = nn.functional.cross_entropy(counts / 3, labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            last = loss.item()
        print(f"epoch {epoch}: loss {last:.3f}", flush=True)


def lowered(data, hidden=HIDDEN, bits=4, sparsity=0.0, epochs=6, seed=0):
    """A trained network in integers; a pruned one is trained dense first, then pruned and trained again."""
    torch.manual_seed(seed)
    recipe = spareto.recipes.quantize(bits=bits)
    model = network(hidden)
    if sparsity:
        recipe = spareto.recipes.joint(bits=bits, sparsity=sparsity)
        train(model, data, epochs, seed)
    model = spareto.compress(model, recipe)
    train(model, data, epochs, seed + 1)
    facts = {"network": f"784-{hidden}-10, {bits} bit", "recipe": f"sparsity {sparsity:g}"}
    return spareto.lower(model.eval(), sensor=(1, 28, 28), classes=10, facts=facts).network


def frames(pixels, timesteps=TIMESTEPS, seed=7):
    """Images as spikes, uint8, shape (time, images, 1, 28, 28)."""
    some = spikes(pixels, timesteps, torch.Generator().manual_seed(seed))
    return some.to(torch.uint8).numpy().reshape(timesteps, -1, 1, 28, 28)


def accuracy(network, pixels, labels, options):
    """Share of images whose class spikes most, by the golden model of what is built."""
    bits = frames(pixels).reshape(TIMESTEPS, len(pixels), 784)
    votes = Golden(circuit_of(network, options)).votes(bits)
    return float((votes.argmax(1) == labels.numpy()).mean())


def main():
    """See the top of the file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("SPARETO_DATA", "../shared/data")))
    parser.add_argument("--images", choices=HELD, default="digits")
    parser.add_argument("--sparsity", type=float, default=0.0)
    parser.add_argument("--bits", type=int, default=4)
    parser.add_argument("--hidden", type=int, default=HIDDEN)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    data = images(given.images, "train", given.data)
    made = lowered(data, given.hidden, given.bits, given.sparsity, given.epochs, given.seed)
    pixels, labels = images(given.images, "test", given.data)
    built = accuracy(made, pixels[:500], labels[:500], Options(semantics="spiker", neuron_bits=6))
    print(f"accuracy on the first 500 test images, as Spiker+ computes, neurons of 6 bits: {built:.1%}")
    name = f"{given.images}-{given.hidden}-{given.bits}bit-{round(100 * given.sparsity)}.spareto"
    write_package(given.out / name, made, test=vectors_of(made, frames(pixels[:10])))
    print(f"written to {given.out / name}")


if __name__ == "__main__":
    main()
