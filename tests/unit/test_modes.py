"""No public function leaves a module in another mode than it found it; only training ends in evaluation."""

import numpy as np
import pytest
import torch
from torch import nn

import spareto
from spareto.observing import in_mode
from spareto.study.checks import try_out
from spareto.training.norms import estimate_norms
from tiny import CLASSES, SENSOR, frame_data, network

DATA = frame_data()
FRAMES, LABELS = torch.from_numpy(DATA.test_frames).float(), DATA.test_labels
PLAN = spareto.TrainingPlan(epochs=1, batch_size=4)
RECIPE = spareto.recipes.joint(bits=4, sparsity=0.5).replace(training=PLAN)


def run(some):
    return some(FRAMES.to(next(some.parameters()).dtype))


USES = {
    "evaluate": lambda n, _: spareto.evaluate(n, FRAMES, LABELS),
    "profile": lambda n, _: spareto.profile(n, FRAMES, LABELS),
    "energy": lambda n, _: spareto.energy(n, FRAMES, show=False),
    "footprint": lambda n, _: spareto.footprint(n, FRAMES),
    "compress": lambda n, _: spareto.compress(n, spareto.recipes.quantize(bits=4)),
    "calibrate": lambda n, _: spareto.calibrate(n, spareto.recipes.quantize(bits=4), run),
    "fold_batch_norm": lambda n, _: spareto.fold_batch_norm(n),
    "shrink": lambda n, _: spareto.shrink(n, run),
    "widen": lambda n, _: spareto.widen(n, 2.0, run),
    "rehearse": lambda n, _: spareto.rehearse(n, RECIPE, DATA),
    "compress_and_train": lambda n, _: spareto.compress_and_train(n, RECIPE, DATA),
    "export_to": lambda n, path: spareto.export_to(n, "safetensors", path / "network.safetensors"),
    "compression_report": lambda n, _: spareto.compression_report(n),
    "try_out": lambda n, _: try_out(n, DATA, None),
    "estimate_norms": lambda n, _: estimate_norms(n, [FRAMES]),
}


def modes(some):
    return {name: module.training for name, module in some.named_modules()}


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("use", USES)
def test_every_module_keeps_its_mode(use, whole, tmp_path):
    made = network().train(whole)
    for module in made.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.train(not whole)  # as users freeze statistics
    before = modes(made)
    assert set(before.values()) == {True, False}
    USES[use](made, tmp_path)
    assert modes(made) == before


def test_a_lowered_network_keeps_its_modes():
    made = spareto.compress(network(), spareto.recipes.quantize(bits=4)).train()
    before = modes(made)
    spareto.lower(made, sensor=SENSOR, classes=CLASSES)
    assert modes(made) == before


def test_frames_that_are_refused_leave_the_modes():
    made, wrong = network().train(), np.full(FRAMES.shape, np.nan, np.float32)
    before = modes(made)
    with pytest.raises(spareto.DataError):
        spareto.evaluate(made, wrong, LABELS)
    assert modes(made) == before


def test_a_module_made_inside_is_in_the_mode_of_the_network():
    made = nn.Sequential(nn.Linear(2, 2), nn.Dropout()).eval()
    made[1].train()
    with in_mode(made, training=True):
        made.append(nn.Dropout())
        assert set(modes(made).values()) == {True}
    assert [module.training for module in made.modules()] == [False, False, True, False]
