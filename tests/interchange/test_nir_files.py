"""NIR files of strangers: what lies about itself is refused before memory is taken."""

import h5py
import numpy as np
import pytest

import spareto
from spareto.core.errors import SparetoError, StoreError
from spareto.interchange.nir.tree import read_tree

nir = pytest.importorskip("nir")


@pytest.fixture
def graph(tmp_path):
    """A good file."""
    ones = np.ones(3)
    nodes = {"in": nir.Input(np.array([3])), "lif": nir.LIF(2 * ones, ones, 0 * ones, ones),
             "out": nir.Output(np.array([3]))}  # fmt: skip
    nir.write(tmp_path / "a.nir", nir.NIRGraph(nodes, [("in", "lif"), ("lif", "out")]))
    return tmp_path / "a.nir"


def changed(path, change):
    with h5py.File(path, "r+") as file:
        change(file["node/nodes/lif"], file)
    return path


def replaced(**options):
    def change(node, file):
        del node["tau"]
        node.create_dataset("tau", **options)

    return change


def link(kind):
    def change(node, file):
        del node["tau"]
        node["tau"] = kind

    return change


def loop(node, file):
    node["again"] = file["node"]


LIES = {
    "an array without content": (
        replaced(shape=(1 << 34,), dtype="f8", chunks=(1 << 20,)),
        "of which 0 are stored",
    ),
    "a link to a file": (link(h5py.ExternalLink("other.h5", "/x")), "a link to somewhere else"),
    "a soft link": (link(h5py.SoftLink("/version")), "a link to somewhere else"),
    "content elsewhere": (replaced(shape=(3,), dtype="f8", external=[("secret.bin", 0, 24)]), "is elsewhere"),
    "a loop of groups": (loop, "groups more than"),
}


@pytest.mark.parametrize("name", LIES)
def test_files_that_lie_are_refused(name, graph, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret.bin").write_bytes(bytes(24))
    change, reason = LIES[name]
    with pytest.raises(StoreError, match=reason):
        read_tree(changed(graph, change))


def test_a_text_longer_than_the_file_is_refused(graph):
    with h5py.File(graph, "r") as file:
        offset = file["node/nodes/lif/type"].id.get_offset()
    content = bytearray(graph.read_bytes())
    content[offset : offset + 4] = (1 << 31).to_bytes(4, "little")
    graph.write_bytes(content)
    with pytest.raises(StoreError, match="a text or an array of 2,147,483,648 parts"):
        read_tree(graph)


def test_a_damaged_description_is_told_with_what_to_do(tmp_path):
    network = spareto.networks.registry.make("dense", sensor=(1, 1, 4), classes=2, hidden=(3,))
    spareto.export_to(network, "nir", tmp_path / "a.nir", dt=1.0)
    with h5py.File(tmp_path / "a.nir", "r+") as file:
        said = file["node/metadata/spareto/description"][()].decode()
        del file["node/metadata/spareto/description"]
        file["node/metadata/spareto/description"] = said.replace('"kind"', '"sort"')
    with pytest.raises(SparetoError, match="a manifest that is no network"):
        spareto.convert(tmp_path / "a.nir")
    with h5py.File(tmp_path / "a.nir", "r+") as file:
        del file["node/metadata/spareto/description"]
        file["node/metadata/spareto/description"] = "{"
    with pytest.raises(StoreError, match=r"Delete metadata\['spareto'\]"):
        spareto.convert(tmp_path / "a.nir")
