"""Short code of the other pages runs as well, with small networks and data in place of the reader's."""

import re
from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import nn

import spareto
import tiny
import workloads
from pages import ROOT, blocks_of, run
from spareto.records import PruneStep, Recipe, TrainingPlan

BINARY = {
    "steps": [{"kind": "quantize", "quantizer": "sign", "bits": 1}],
    "training": {"epochs": 1, "batch_size": 4},
}
ELSEWHERE = {
    "docs/deploy.md": "it opens a run folder and a package; docs/tutorials/deploy.md runs the same way",
    "docs/index.md": "it opens a run folder; tests/journey loads and bakes chosen networks",
    "docs/own.md": "it opens a network of a run folder; tests/journey does so with networks of a user's own",
}
LONG = [
    (r"epochs=\d+", "epochs=1"),
    (r"timesteps=8", "timesteps=2"),
    (r"seeds=\(0, 1, 2\)", "seeds=(0,)"),
    (r"T, step = 1000, 0.01", "T, step = 50, 0.01"),
]


def small():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(2, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(96, 4))
    frames, labels = torch.rand(8, 2, 6, 6), torch.randint(4, (8,))
    return {"network": network, "frames": frames, "labels": labels, "loss": nn.CrossEntropyLoss()}


def pruned():
    channels = PruneStep(sparsity=0.3, pruner="channels", scope="per_layer")
    Recipe(steps=(channels,), layers={"last": False}).save("channels.yaml")
    return small() | {"recipe": Recipe(steps=(PruneStep(sparsity=0.5, pruner="snip"),))}


def costed():
    chip = spareto.load_accelerator("eyeriss_like")
    return {"spareto": spareto, "workloads": [workloads.network(workloads.layer())], "chip": chip}


def written():
    spareto.recipes.joint(bits=4, sparsity=0.8).save("recipe.yaml")
    return small()


def repeated():
    training = TrainingPlan(epochs=1, batch_size=4)
    recipe = spareto.recipes.quantize(4).replace(training=training)
    return {"spareto": spareto, "network": tiny.network(), "recipe": recipe, "data": tiny.frame_data()}


def trained():
    """Digits, as the page's first lines load them, in few samples."""
    frames = torch.zeros(2, 2, 2, 16, 16)
    make = partial(spareto.networks.build, "dense", sensor=(2, 16, 16), classes=10, hidden=[8])
    return {"make": make, "plan": TrainingPlan(epochs=1, batch_size=128), "frames": frames}


def widened():
    binary = Recipe.parse(BINARY, "recipe")
    return {"spareto": spareto, "binary": binary, "trained": tiny.network(), "data": tiny.frame_data()}


PAGES = {
    "docs/data.md": (
        dict,
        {1: "it reads a recording of the reader's; tests/unit/data/readers write some"},
    ),
    "docs/determinism.md": (repeated, {}),
    "docs/hardware.md": (costed, {}),
    "docs/methods.md": (lambda: {"spareto": spareto, "network": tiny.network()}, {}),
    "docs/methods/epim.md": (dict, {}),
    "docs/methods/mechanistic.md": (dict, {}),
    "docs/methods/widen-and-squeeze.md": (widened, {}),
    "docs/neurons.md": (dict, {}),
    "docs/pruners.md": (lambda: {"spareto": spareto, **pruned()}, {}),
    "docs/quantizers.md": (lambda: {"spareto": spareto, **small(), "batches": [small()["frames"]]}, {}),
    "docs/recipes.md": (written, {}),
    "docs/training.md": (
        trained,
        {1: "networks of others; docs/tutorials/my-snntorch-model.md runs"},
    ),
}
RUN_WITH_OUTPUT = re.compile(r'"((?:docs/|README)[^"]*\.md)",$', re.MULTILINE)


def test_every_page_with_code_is_run_somewhere():
    with_code = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
        if "```python" in path.read_text()
    }
    shown = set(RUN_WITH_OUTPUT.findall((ROOT / "tests/docs/test_pages.py").read_text()))
    assert with_code == shown | set(PAGES) | set(ELSEWHERE)


@pytest.mark.parametrize("page", PAGES)
def test_the_code_of_a_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make, left_out = PAGES[page]
    names = {"__name__": "page", **make()}
    for number, block in enumerate(blocks_of(page)):
        if number in left_out:
            continue
        code = block.code
        for long, short in LONG:
            code = re.sub(long, short, code)
        run(replace(block, code=code), names, page)
