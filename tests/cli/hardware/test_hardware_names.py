"""Accelerators, networks and layers of any name on the terminal: as they are, or replaced in part."""

import json
from importlib import resources

import pytest
import yaml

import workloads
from spareto.cli.cost import cost
from spareto.core.errors import ConfigError

NAMES = {
    "markup": "[red]a[/red] [/bold]",
    "escape codes": "a\x1b[31mred\x1b]0;title\x07",
    "control characters": "a\rb\x08\x7f\x9b2J",
    "turned around": "abc\u202efdp.exe",
    "long": "n" * 300,
    "lines": "two\nlines",
    "path": "../../etc/passwd",
}


@pytest.mark.parametrize("chip", ["eyeriss_like", "loihi_like"])
@pytest.mark.parametrize("kind", NAMES)
def test_a_cost_full_of_that_name_is_shown(kind, chip, tmp_path, capsys):
    name = NAMES[kind]
    file = resources.files("spareto.hardware.accelerators").joinpath(f"{chip}.yaml")
    described = {**yaml.safe_load(file.read_text("utf-8")), "name": name}
    (tmp_path / "chip.json").write_text(json.dumps(described))
    layer = workloads.layer(name, channels=(2, 3), size=4)
    network = workloads.network(layer).replace(network=name, dataset=name)
    network.save(tmp_path / "network.json")
    cost(tmp_path / "network.json", accelerator=str(tmp_path / "chip.json"))
    said = capsys.readouterr().out
    assert all(letter.isprintable() or letter == "\n" for letter in said.replace("\ufffd", ""))
    if name.isprintable() and len(name) < 30:
        assert name in said.replace("\n", "")


def test_half_a_character_is_refused():
    with pytest.raises(ConfigError, match="whole characters"):
        workloads.layer("a\ud800")
