"""A study file with lists: every combination has its own folder, and nothing is trained twice."""

import pytest

import kills
from spareto.core.errors import ConfigError
from spareto.study.config import StudyConfig
from spareto.study.listener import StudyListener
from spareto.study.parts import parts_of, take_over
from spareto.study.run import run_study

LISTS = {
    **kills.STUDY,
    "networks": [
        {"name": "dense", "options": {"hidden": [8]}},
        {"name": "dense", "options": {"hidden": [4]}},
    ],
    "accelerators": ["eyeriss_like", "loihi_like"],
}
del LISTS["network"]
BARE = {key: value for key, value in LISTS.items() if key != "data"}


class Trainings(StudyListener):
    def __init__(self):
        self.heard = []

    def training_begins(self, label, seed):
        self.heard.append(label)


def test_every_combination_is_a_part(tmp_path):
    config = StudyConfig.parse({**BARE, "datasets": [{"name": "digits"}, {"name": "nmnist"}]}, "study")
    parts = parts_of(config, tmp_path)
    assert len({part.folder for part in parts}) == 8
    assert [part.trained_by is None for part in parts] == [True, False] * 4
    with pytest.raises(ConfigError, match="one data set, network and accelerator"):
        run_study(config, tmp_path)
    with pytest.raises(ConfigError, match="accelerator or accelerators, but not both"):
        StudyConfig.parse({**LISTS, "accelerator": "eyeriss_like"}, "study")


def test_another_accelerator_trains_nothing(tmp_path):
    config = StudyConfig.parse({**LISTS, "networks": LISTS["networks"][:1]}, "study")
    first, second = parts_of(config, tmp_path)
    one, two = Trainings(), Trainings()
    trained = run_study(first.config, first.folder, one)
    assert take_over(second) == len(trained) == 5
    costed = run_study(second.config, second.folder, two)
    assert (len(one.heard), two.heard) == (6, [])
    assert [trial.accuracy for trial in costed] == [trial.accuracy for trial in trained]
    assert all(a.energy_pj != b.energy_pj for a, b in zip(trained, costed, strict=True))
