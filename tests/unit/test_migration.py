"""Studies of format 1 are brought to the present one: nothing is trained again, nothing is lost."""

import sqlite3

import pytest
from torch import nn

from factories import trial
from spareto import recipes
from spareto.core.artifacts import fingerprint
from spareto.records import Recipe, TrainingPlan
from spareto.records.recipe import LayerFilter, PruneStep
from spareto.study import migration
from spareto.study.builders import builder_of
from spareto.study.config import StudyConfig
from spareto.study.folder import RunFolder
from spareto.study.migration import migrate
from spareto.study.store import FORMAT, STORE_NAME, TrialStore
from spareto.training import save_checkpoint
from spareto.training.checkpoint import read_manifest

STUDY = {
    "name": "old",
    "training": {"epochs": 2},
    "grid": [{"regime": "joint", "bits": [3], "sparsity": [0.5]}],
}
FIRST_RELEASE = {
    "bad9e69e0ad5d1df": recipes.dense(),
    "1bcfde3e0bbeb751": recipes.quantize(2),
    "c2355fb28a40424a": recipes.prune(0.8),
    "38d634440e85ce69": recipes.prune(0.5, storage_bits=32),
    "b9dfc22d9755a931": recipes.cumulative(4, 0.8),
    "bd13700ff6bc84e0": recipes.joint(4, 0.8),
    "5e23b9097c91f17d": Recipe(
        steps=(PruneStep(sparsity=0.3, pruner="random", scope="per_layer", start=0.5),),
        layers=LayerFilter(exclude=("a",)),
    ),
}


@pytest.mark.parametrize(("name", "recipe"), FIRST_RELEASE.items(), ids=lambda value: str(value)[:8])
def test_fingerprints_of_the_first_release_are_known(name, recipe):
    """Should this fail because a default changed, the old default goes into the migration."""
    assert migration._first_recipe(recipe) == name
    assert recipe.hash != name


@pytest.fixture
def old(tmp_path):
    """A run folder of format 1: three trials, their files, a dense network and a training under way."""
    config = StudyConfig.parse(STUDY, "study")
    builder, folder = builder_of(config.network), RunFolder(tmp_path)
    base = migration._first_base(config, builder, "data")
    stored = [trial(recipe) for recipe in (*config.all_recipes(), recipes.quantize(4))]
    with TrialStore(folder.store) as store:
        store.set_meta(base_hash=base, study="old")
        for one in stored:
            key = fingerprint([base, migration._first_recipe(one.recipe), 0])
            store.put(key, one)
            for path in (folder.network(one.recipe, 0, key), folder.workload(one.recipe, 0, key)):
                path.parent.mkdir(exist_ok=True)
                path.write_text(one.recipe.label)
    with sqlite3.connect(folder.store) as database:
        database.execute("PRAGMA user_version = 1")
    database.close()
    save_checkpoint(folder.dense(base, 0), nn.Linear(2, 2), None, {"key": fingerprint([base, 0]), "epoch": 2})
    under_way = fingerprint([base, migration._first_recipe(config.all_recipes()[1]), 0])
    save_checkpoint(folder.training(under_way), nn.Linear(2, 2), None, {"key": under_way, "epoch": 1})
    return config, builder, folder, stored


def migrated(old, data_hash="data"):
    config, builder, folder, _ = old
    with TrialStore(folder.store) as store:
        migrate(store, folder, config, builder, data_hash)
        return store.format, dict(store.items()), store.meta


def test_every_trial_and_file_is_found_under_its_present_name(old):
    config, builder, folder, stored = old
    base = config.base_hash("data", builder.hash)
    version, trials, meta = migrated(old)
    assert (version, meta["base_hash"], meta["study"]) == (FORMAT, base, "old")
    assert list(trials) == [fingerprint([base, one.recipe.hash, 0]) for one in stored]
    for key, one in trials.items():
        assert (one.manifest.recipe_hash, one.manifest.base_hash) == (one.recipe.hash, base)
        for path in (folder.network(one.recipe, 0, key), folder.workload(one.recipe, 0, key)):
            assert path.read_text() == one.recipe.label
    assert [one.accuracy for one in trials.values()] == [one.accuracy for one in stored]
    key = fingerprint([base, config.all_recipes()[1].hash, 0])
    assert read_manifest(folder.training(key))["key"] == key
    assert read_manifest(folder.dense(base, 0))["key"] == fingerprint([base, 0])
    assert len(list((folder.root / "checkpoints").iterdir())) == 2


def test_a_migration_that_was_killed_is_repeated(old, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(TrialStore, "rename", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            migrated(old)
    test_every_trial_and_file_is_found_under_its_present_name(old)
    assert migrated(old)[0] == FORMAT  # a second time there is nothing to do


def test_another_studys_folder_stays_as_it_is(old):
    folder = old[2]
    before = {path: path.read_bytes() for path in folder.root.rglob("*") if path.is_file()}
    assert migrated(old, "other data")[0] == 1
    assert {path: path.read_bytes() for path in folder.root.rglob("*") if path.is_file()} == before


def test_a_default_that_changes_changes_the_fingerprint():
    """Trials made with the old default must not be taken for trials with the new one."""
    plan = TrainingPlan()
    field = TrainingPlan.model_fields["batch_size"]
    was = field.default
    try:
        field.default = 64
        TrainingPlan.model_rebuild(force=True)
        assert TrainingPlan().hash != plan.hash
        assert Recipe(training=TrainingPlan()).hash != Recipe(training=plan).hash
    finally:
        field.default = was
        TrainingPlan.model_rebuild(force=True)
    assert TrainingPlan().hash == plan.hash


def test_a_study_of_the_first_format_is_read_without_a_change(old):
    folder, stored = old[2], old[3]
    before = (folder.root / STORE_NAME).read_bytes()
    with TrialStore.of(folder.root) as store:
        assert store.trials() == tuple(stored)
    assert (folder.root / STORE_NAME).read_bytes() == before
