"""Widening and squeezing on the digits, half a minute of one core: `python examples/widen_and_squeeze.py`.

Killed in between, the same command carries on where it was: every training keeps its state in `runs/`.
"""

from pathlib import Path

import torch

import spareto
from spareto.hardware import workload_bops

FOLDER = Path("runs/widen_and_squeeze")
TRAINING = spareto.TrainingPlan(epochs=6, learning_rate=0.01)
EIGHT = {"bits": 8, "quantizer": "learned_clip"}
ENDS = tuple(spareto.LayerBits(layers=layers, **EIGHT) for layers in ("features.0.*", "readout.*"))
SIGN = spareto.QuantizeStep(quantizer="sign", bits=1, granularity="per_channel", layer_bits=ENDS)


def main() -> None:
    """Train, make binary, widen, squeeze to what the binary network takes."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    data = spareto.load_frames("digits", timesteps=6)
    torch.manual_seed(0)
    shape = {"sensor": data.info.sensor, "classes": data.info.classes, "channels": (8, 16), "votes": 2}
    trained = spareto.networks.build("conv", **shape)
    spareto.train(trained, data, TRAINING, checkpoint=FOLDER / "float.safetensors")
    recipe = spareto.Recipe(steps=(SIGN,), training=TRAINING)
    told("float", trained, data)
    path = FOLDER / "binary.safetensors"
    binary = spareto.compress_and_train(trained, recipe, data, checkpoint=path)
    plan = spareto.WideningPlan(
        multiplier=2.0,
        recipe=recipe,
        budget=spareto.Budget(at_most=told("binary", binary, data)),
        fine_tuning=TRAINING,
    )
    made = spareto.widen_and_squeeze(trained, plan, data, checkpoint=FOLDER / "wide.safetensors")
    told("widened and squeezed", made.network, data)
    for each in made.rounds:
        print(f"  {each.channels} {each.amount / 1e6:.2f} million bit operations")


def told(name: str, network: torch.nn.Module, data: object) -> float:
    """Print a network's accuracy and bit operations; give the latter."""
    found = spareto.profile(network, data.test_frames, data.test_labels)
    amount = workload_bops(found.workload)
    print(f"{name}: accuracy {found.accuracy:.1%}, {amount / 1e6:.2f} million bit operations")
    return amount


if __name__ == "__main__":
    main()
