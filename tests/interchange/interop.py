"""What each file format keeps of each neuron, as it is run; the table in docs/interop.md says it.

`python -m tests.interchange.interop` writes the table anew.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import torch
from torch import nn

import spareto
from spareto.core.errors import SparetoError
from spareto.integer.reference import Reference
from spareto.kernels import dense
from spareto.layers.spiking_dense import SpikingDense
from spareto.neurons import registry

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "interop.md"
BEGIN, END = "<!-- files: begin -->", "<!-- files: end -->"
DT = 1e-4
ROWS = {
    "`lif`": ("lif", {"beta": 0.75}),
    "`lif(strict=True)`": ("lif", {"beta": 0.75, "strict": True}),
    "`lif(reset='value', v_reset=-0.5)`": ("lif", {"beta": 0.75, "reset": "value", "v_reset": -0.5}),
    "`lif(v_leak=0.25)`": ("lif", {"beta": 0.75, "v_leak": 0.25}),
    "`lif(reset='subtract')`": ("lif", {"beta": 0.75, "reset": "subtract"}),
    "`lif(reset='subtract_delayed')`": ("lif", {"beta": 0.75, "reset": "subtract_delayed", "strict": True}),
    "`lif(reset='zero_delayed')`": ("lif", {"beta": 0.75, "reset": "zero_delayed", "strict": True}),
    "`lif(reset='none')`": ("lif", {"beta": 0.75, "reset": "none"}),
    "`iaf`": ("iaf", {}),
    "`plif`": ("plif", {"tau": 2.0}),
    "`synaptic`": ("synaptic", {"alpha": 0.5, "beta": 0.75}),
    "`alif`": ("alif", {"beta": 0.75}),
    "`multi_spike(neuron='iaf')`": ("multi_spike", {"neuron": "iaf", "most": 3}),
    "`quantized_state`": ("quantized_state", {"beta": 0.75}),
    "`recurrent`": ("recurrent", {"features": 6, "beta": 0.75}),
}
HEAD = ("neuron", "safetensors", "NIR, strict", "the graph alone", "QONNX, executed")


def network(name, options):
    """One dense layer, 4 bits, whose sums are exact in single precision."""
    torch.manual_seed(0)
    made = nn.Sequential(SpikingDense(nn.Linear(8, 6, bias=False), registry.make(name, **options)))
    with torch.no_grad():
        for weight in made.parameters():
            if weight.dim() > 1:
                weight.copy_(torch.randint(-7, 8, weight.shape) / 4)
    return spareto.compress(made, spareto.recipes.quantize(bits=4, quantizer="max_range")).eval()


def frames():
    return (torch.rand(12, 20, 8, generator=torch.Generator().manual_seed(0)) < 0.5).float()


def row(name, options):
    """The cells of a neuron, each as it was seen."""
    made, x = network(name, options), frames()
    with torch.no_grad():
        expected = dense(made(x))
    assert expected.any()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        spareto.export_to(made, "safetensors", place / "a.safetensors")
        kept = _same(spareto.convert(place / "a.safetensors"), x, expected)
        strict, alone = _nir(made, x, expected, place / "a.nir")
        return kept, strict, alone, _qonnx(made, x, place / "a.onnx")


def _same(network, x, expected):
    with torch.no_grad():
        return "exact" if torch.equal(network(x), expected) else "differs"


def _nir(made, x, expected, path):
    nir = __import__("nir")
    try:
        spareto.export_to(made, "nir", path, dt=DT)
    except SparetoError as error:
        said = error.problems[0].got
        try:
            spareto.export_to(made, "nir", path, dt=DT, lossy=True)
        except SparetoError:
            return f"refused: {said}", "-"
        assert _same(spareto.convert(path), x, expected) == "exact"
        return f"refused: {said}", "lossy"
    graph = nir.read(path)
    strict = _same(spareto.convert(graph), x, expected)
    graph.metadata = {}
    return strict, _same(spareto.convert(graph, x, dt=DT, reset="zero"), x, expected)


def _qonnx(made, x, path):
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.core.onnx_exec import execute_onnx

    options = {"sensor": (8, 1, 1), "classes": 6}
    try:
        told = spareto.export_to(made, "qonnx", path, batch=x.shape[1], **options)
    except SparetoError as error:
        return f"refused: {error.problems[0].got}"
    ours = x.reshape(*x.shape[:2], 8, 1, 1).numpy().astype("int64")
    expected = Reference(spareto.lower(made, **options).network).run(ours)[-1]
    model, states = ModelWrapper(str(path)), {}
    starts = {name: int(value) for name, value in _starts(told)}
    for each in model.graph.input:
        if each.name != "frame":
            shape = [dim.dim_value for dim in each.type.tensor_type.shape.dim]
            states[each.name] = torch.full(shape, starts.get(each.name, 0)).numpy()
    for now, spikes in zip(ours, expected, strict=True):
        found = execute_onnx(model, {"frame": now.astype("float32"), **states})
        if not (found["spikes"] == spikes).all():
            return "differs"
        states = {name: found[name.replace("state", "next")] for name in states}
    return "exact"


def _starts(told):
    """Pairs of state and number in a note that says where states start."""
    return [part.split(" at ") for part in told.notes[0].rstrip(".").split(", ") if part.startswith("state.")]


def table() -> str:
    """A row a neuron."""
    lines = [list(HEAD), ["---"] * len(HEAD)]
    lines += [[label, *row(*plan)] for label, plan in ROWS.items()]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def written(page: str) -> str:
    """A page with the table as it is now."""
    before, _, rest = page.partition(BEGIN)
    _, _, behind = rest.partition(END)
    return f"{before}{BEGIN}\n\n{table()}\n{END}{behind}"


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT / "tests"))
    PAGE.write_text(written(PAGE.read_text("utf-8")), "utf-8")
