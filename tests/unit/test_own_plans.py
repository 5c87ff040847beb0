"""Study files that name a network and data of a user's own: every spelling, every path, one plan."""

import pytest
import torch
import yaml
from torch import nn

from spareto.core.errors import ConfigError
from spareto.data import DatasetInfo
from spareto.records import DataPlan, TrainingPlan
from spareto.records.data import FolderData, ImportedData, parse_data
from spareto.study.builders import OwnBuilder, builder_of
from spareto.study.config import NetworkPlan, OwnNetworkPlan, StudyConfig

CODE = """
import random

import numpy as np
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, hidden=3):
        super().__init__()
        self.fc = nn.Linear(4, hidden)
        self.drawn = random.random() + np.random.rand()


def build(hidden=3):
    return Net(hidden)


def reset(network):
    network.fc.bias.data.zero_()


def load():
    return None
"""
INFO = DatasetInfo(2, (1, 1, 1), 0, licence="", source="")


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "deep" / "study"
    folder.mkdir(parents=True)
    (folder / "mine.py").write_text(CODE)
    return folder


def load(folder, **keys):
    (folder / "study.yaml").write_text(yaml.safe_dump({"name": "s", **keys}))
    return StudyConfig.load(folder / "study.yaml")


@pytest.mark.parametrize("network", ["mine.py:build", "./mine:build", {"import": "mine.py:build"}])
def test_a_network_may_be_spelled_short(folder, network):
    plan = load(folder, network=network).network
    assert isinstance(plan, OwnNetworkPlan)
    assert (plan.name, plan.options) == ("mine.py:build", {})
    assert isinstance(builder_of(plan).build(INFO)[0], nn.Module)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        ("digits", DataPlan),
        ({"name": "digits"}, DataPlan),
        ("mine.py:load", ImportedData),
        ({"import": "mine:load"}, ImportedData),
        ({"folder": "here"}, FolderData),
    ],
)
def test_data_may_be_spelled_short(folder, data, kind):
    assert isinstance(load(folder, data=data).data, kind)


def test_paths_are_relative_to_the_study_file(folder, monkeypatch):
    keys = {"import": "mine.py:build", "weights": "w/trained.pt", "reset": "mine.py:reset"}
    for here in (folder, folder.parent, "/"):
        monkeypatch.chdir(here)
        config = load(folder, network=keys, data={"folder": "recordings"})
        assert config.network.weights == str(folder / "w" / "trained.pt")
        assert config.data.folder == str(folder / "recordings")
        assert config.network.import_ == f"{folder}/mine.py:build"
        builder = OwnBuilder(config.network.model_copy(update={"weights": None}))
        assert builder.interface.reset.__name__ == "reset"


def test_plans_go_to_json_and_back(folder):
    config = load(folder, network="mine.py:build", data={"folder": "here", "sensor": [2, 3, 4]})
    assert StudyConfig.parse(config.to_dict(), "study") == config
    assert load(folder).network == NetworkPlan()


def test_the_fingerprint_of_a_network_of_ours_is_pinned(folder):
    plan = NetworkPlan(name="conv", options={"channels": [2]})
    assert builder_of(plan).hash == plan.hash == "b5db86ada515268c"
    config = load(folder)
    assert config.base_hash("data", builder_of(config.network).hash) == "5b7f0927c7184ef1"


def test_the_fingerprint_of_a_network_sees_everything_but_the_folder(folder, tmp_path):
    def fingerprint(where=folder, **keys):
        return builder_of(load(where, network={"import": "mine.py:build", **keys}).network).hash

    first = fingerprint()
    (folder / "w.pt").write_bytes(b"one")
    found = [
        fingerprint(**keys)
        for keys in (
            {"options": {"hidden": 4}},
            {"output": 0},
            {"output": "spikes"},
            {"vote": "mean"},
            {"time": "calls"},
            {"reset": "none"},
            {"reset": "mine.py:reset"},
            {"weights": "w.pt"},
            {"import": "mine.py:Net"},
        )
    ]
    (folder / "w.pt").write_bytes(b"two")
    found.append(fingerprint(weights="w.pt"))
    (folder / "mine.py").write_text(f"{CODE}\nmore = 1\n")
    found.append(fingerprint())
    assert len({first, *found}) == len(found) + 1
    moved = tmp_path / "moved"
    moved.mkdir()
    (moved / "mine.py").write_text(CODE)
    assert fingerprint(moved) == first


def test_a_network_with_weights_is_not_trained_unless_that_is_said(folder):
    own = {"import": "mine.py:build", "weights": "w.pt"}
    assert load(folder, network=own).dense_training.epochs == 0
    assert load(folder, network=own, training={"epochs": 3}).dense_training == TrainingPlan(epochs=3)
    assert load(folder, network="mine.py:build").dense_training == TrainingPlan()
    assert load(folder).dense_training == TrainingPlan()


def test_what_a_network_draws_by_numpy_follows_the_seed_too(folder):
    builder = builder_of(load(folder, network="mine.py:build").network)
    drawn = []
    for seed in (0, 1, 0):
        torch.manual_seed(seed)
        network = builder.build(INFO)[0]
        drawn.append((network.drawn, network.fc.weight[0, 0].item()))
    assert drawn[0] == drawn[2]
    assert drawn[0][0] != drawn[1][0]
    assert drawn[0][1] != drawn[1][1]


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"network": 3}, "study.network: got 3; expected a name, or keys such as name, import and options."),
        ({"network": {"import": "mine.py:build", "wights": "a"}}, "Did you mean 'weights'?"),
        ({"network": {"import": "mine.py:build", "outputs": 0}}, "Did you mean 'output'?"),
        (
            {"network": {"import": ""}},
            "study.network.import: got ''; expected a text, FILE.py:NAME or MODULE:NAME.",
        ),
        ({"network": {"import": 5}}, "study.network.import: got 5; expected a text"),
        (
            {"network": {"import": "mine.py:build", "time": "time-frist"}},
            "study.network.time: got 'time-frist'; expected one of",
        ),
        ({"network": {"import": "mine.py:build", "reset": "mine.py:rset"}}, "got no 'rset' in mine.py"),
        ({"data": 3}, "study.data: got 3; expected a name, or keys such as name, import or folder."),
        ({"data": {"folder": 3}}, "study.data.folder: got 3; expected the path of a folder."),
        (
            {"data": {"folder": "x", "sensor": [2, 3]}},
            "study.data.sensor: got [2, 3]; expected [polarities, height,",
        ),
        (
            {"data": {"folder": "x", "time_unit": "us "}},
            "study.data.time_unit: got 'us '; expected one of ns, us, ms, s.",
        ),
        (
            {"data": {"folder": "x", "test_share": 20}},
            "study.data.test_share: got 20; expected a share above 0",
        ),
        ({"data": {"import": "none.py:load"}}, "data 'none.py:load': got no file none.py"),
        ({"data": "mine.py"}, "data 'mine.py': got no name behind the file; "),
    ],
)
def test_a_mistake_names_its_place(folder, keys, told):
    with pytest.raises(ConfigError) as error:
        builder_of(load(folder, **keys).network)
    assert told in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_plain_data_are_parsed_with_the_place_they_are_given():
    with pytest.raises(ConfigError, match=r"data.foldr: got an unknown key; expected one of"):
        parse_data({"name": "digits", "foldr": "x"}, "data")
    assert parse_data("digits", "data") == DataPlan()
