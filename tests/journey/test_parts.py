"""A study file with lists: every combination has its own folder, and nothing is trained twice."""

import pytest

import kills
import postgres_server
from spareto.core.errors import ConfigError, StoreError
from spareto.study.config import StudyConfig
from spareto.study.database.places import StorePlace, schema_of
from spareto.study.listener import StudyListener
from spareto.study.parts import parts_of, take_over
from spareto.study.run import run_study
from spareto.study.store import TrialStore

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


def test_parts_of_the_longest_name_have_names_of_their_own(tmp_path):
    config = StudyConfig.parse({**LISTS, "name": "é" * 100}, "study")
    names = [part.config.name for part in parts_of(config, tmp_path)]
    assert len({*names}) == len({schema_of(name) for name in names}) == 4
    assert all(len(name.encode()) <= 200 for name in names)


def test_a_server_holds_parts_of_a_long_name_apart_and_refuses_two_names_in_one_schema(tmp_path):
    postgres_server.skip_without_server()
    small = {**kills.STUDY, "compression_training": {"epochs": 0}, "grid": kills.STUDY["grid"][:1]}
    lists = {key: value for key, value in small.items() if key != "accelerator"}
    config = StudyConfig.parse({**lists, "name": "a b" * 30, "accelerators": LISTS["accelerators"]}, "study")
    with postgres_server.serving() as url:
        costed = {}
        for part in parts_of(config, tmp_path):
            take_over(part, url)
            trials = run_study(part.config, part.folder, store=url)
            costed[part.folder] = {trial.manifest.accelerator_hash for trial in trials}
        assert len({frozenset(hashes) for hashes in costed.values()}) == 2
        for folder, hashes in costed.items():
            with TrialStore(StorePlace.of(folder), read_only=True) as store:
                assert {trial.manifest.accelerator_hash for trial in dict(store.items()).values()} == hashes
        single = StudyConfig.parse({**small, "name": "my study"}, "study")
        run_study(single, tmp_path / "one", store=url)
        with pytest.raises(StoreError, match=r"with the trials of study 'my study'.*my_study"):
            run_study(single.replace(name="my_study"), tmp_path / "two", store=url)


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
