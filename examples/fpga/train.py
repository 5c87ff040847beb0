"""Train a 784-128-10 network of 4-bit weights and 6-bit neurons on Fashion-MNIST, and write it as a package.

    python examples/fpga/train.py --out runs/fpga                       # dense
    python examples/fpga/train.py --out runs/fpga --sparsity 0.8        # 80 % of the weights pruned

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
from spareto.kernels import dense
from spareto.layers.spiking_dense import SpikingDense
from spareto.neurons import registry
from spareto.neurons.quantized_state import QuantizedState
from spareto.package import write_package
from spareto.package.vectors import vectors_of

RATE, TRAINED, TIMESTEPS, HIDDEN = 0.1, 20, 100, 128


def images(split, folder):
    """Grey values 0..1, shape (images, 784), and labels."""
    with gzip.open(folder / f"{split}-images-idx3-ubyte.gz") as file:
        pixels = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 784)
    with gzip.open(folder / f"{split}-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(), np.uint8, offset=8)
    return torch.from_numpy(pixels / np.float32(255)), torch.from_numpy(labels.astype(np.int64))


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
    for layer, width in zip(layers, (0.15, 0.25), strict=True):
        nn.init.normal_(layer.linear.weight, 0.0, width)
    return nn.Sequential(*layers)


def accuracy(model, pixels, labels, generator):
    """Share of images whose class spikes most."""
    with torch.no_grad():
        votes = dense(model.eval()(spikes(pixels, TRAINED, generator))).sum(0)
    return float((votes.argmax(1) == labels).float().mean())


def train(model, pixels, labels, epochs, count, seed):
    """Adam, cross-entropy of the spike counts, a cosine; on the first `count` images."""
    generator = torch.Generator().manual_seed(seed)
    kept, held = slice(0, count), slice(50_000, 51_000)
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    steps = epochs * (count // 128)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for epoch in range(epochs):
        model.train()
        order = torch.randperm(count, generator=generator)
        for batch in order.split(128)[: count // 128]:
            counts = dense(model(spikes(pixels[kept][batch], TRAINED, generator))).sum(0)
            loss = nn.functional.cross_entropy(counts / 3, labels[kept][batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        share = accuracy(model, pixels[held], labels[held], generator)
        print(f"epoch {epoch}: loss {loss.item():.3f}, validation {share:.3f}", flush=True)


def main():
    """See the top of the file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("SPARETO_DATA", "../shared/data")))
    parser.add_argument("--sparsity", type=float, default=0.0)
    parser.add_argument("--bits", type=int, default=4)
    parser.add_argument("--hidden", type=int, default=HIDDEN)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--images", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    torch.manual_seed(given.seed)
    pixels, labels = images("train", given.data / "fashion_mnist")
    recipe = spareto.recipes.quantize(bits=given.bits)
    if given.sparsity:
        recipe = spareto.recipes.joint(bits=given.bits, sparsity=given.sparsity)
    model = network(given.hidden)
    if given.sparsity:
        train(model, pixels, labels, given.epochs, given.images, given.seed)
    model = spareto.compress(model, recipe)
    train(model, pixels, labels, given.epochs, given.images, given.seed + 1)
    facts = {"network": f"784-{given.hidden}-10, {given.bits} bit", "recipe": f"sparsity {given.sparsity:g}"}
    lowered = spareto.lower(model, sensor=(1, 28, 28), classes=10, facts=facts)
    generator = torch.Generator().manual_seed(7)
    some = spikes(images("t10k", given.data / "fashion_mnist")[0][:10], TIMESTEPS, generator)
    frames = some.to(torch.uint8).numpy().reshape(TIMESTEPS, 10, 1, 28, 28)
    name = f"{given.hidden}-{given.bits}bit-{round(100 * given.sparsity)}.spareto"
    write_package(given.out / name, lowered.network, test=vectors_of(lowered.network, frames))
    print(f"written to {given.out / name}")


if __name__ == "__main__":
    main()
