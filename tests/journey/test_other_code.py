"""Trials that other code made are never taken for ours: refused, or kept beside by the user's own word."""

import ast
import shutil
from pathlib import Path

import pytest

import tiny
from spareto.core.errors import ConfigError, StoreError
from spareto.study import code
from spareto.study import run as running
from spareto.study.config import StudyConfig
from spareto.study.executors._sharing import Handed
from spareto.study.listener import StudyListener
from spareto.study.store import TrialStore

TRAINING = {"epochs": 1, "batch_size": 8, "learning_rate": 0.01}
STUDY = {
    "name": "code",
    "network": {"name": "conv", "options": {"channels": [2], "votes": 2}},
    "training": TRAINING,
    "compression_training": TRAINING,
    "grid": [{"regime": "quantize", "bits": [4]}],
}
LARGER = {**STUDY, "grid": [{"regime": "quantize", "bits": [4, 2]}]}
NO_NUMBERS = {
    *("cli", "converting", "core", "export", "exporting", "fpga", "interchange", "lowering"),
    *("mechanistic", "package", "plasticity", "records", "reports", "reproduction", "runtime", "study"),
    "testing",
}
"""Rooms that no trial's numbers come from; of `study`, the files that decide are named one by one."""


@pytest.fixture(autouse=True)
def tiny_data(monkeypatch):
    monkeypatch.setattr(running, "load_data", lambda _: tiny.frame_data(40))
    yield
    forget()


def forget() -> None:
    code.training_code.cache_clear()
    code.costing_code.cache_clear()


class Heard(StudyListener):
    def __init__(self) -> None:
        self.trained, self.notes = [], []

    def training_begins(self, label, seed) -> None:
        self.trained.append(label)

    def noted(self, notes) -> None:
        self.notes += notes


def carried_out(folder, keys=STUDY, **where):
    heard = Heard()
    return running.run_study(StudyConfig.parse(keys, "study"), folder, heard, **where), heard


def other_source(monkeypatch, parts):
    original = code.digest
    monkeypatch.setattr(code, "digest", lambda found: "changed" if found == parts else original(found))
    forget()


def other_torch(monkeypatch, version="9.9.9"):
    known = code.versions()
    monkeypatch.setattr(code, "versions", lambda: {**known, "torch": version})
    forget()


@pytest.mark.parametrize("change", [lambda patch: other_source(patch, code.TRAINS), other_torch])
def test_trials_of_other_code_are_refused_until_the_user_wants_both(change, tmp_path, monkeypatch) -> None:
    (_, first), heard = carried_out(tmp_path)
    assert heard.trained == ["dense network", "dense float", "quantize 4 bit"]
    before = code.made_by()
    change(monkeypatch)
    with pytest.raises(StoreError) as refused:
        carried_out(tmp_path, LARGER)
    for said in (before, code.made_by(), "--out", "--mix-versions"):
        assert said in str(refused.value)
    (_, kept, _), heard = carried_out(tmp_path, LARGER, mix_versions=True)
    assert kept == first
    assert [label for label in heard.trained if "4 bit" in label] == []
    assert any(before in note and code.made_by() in note for note in heard.notes)
    with pytest.raises(StoreError, match="--mix-versions"):
        carried_out(tmp_path, LARGER)  # a wish is asked for each time


def test_a_new_folder_of_other_code_shares_no_name_with_the_former(tmp_path, monkeypatch) -> None:
    carried_out(tmp_path / "one")
    other_torch(monkeypatch)
    carried_out(tmp_path / "two")
    with TrialStore.of(tmp_path / "one") as one, TrialStore.of(tmp_path / "two") as two:
        assert not one.keys() & two.keys()


def test_the_same_code_goes_on_and_trains_nothing(tmp_path, monkeypatch) -> None:
    first, _ = carried_out(tmp_path)
    other_torch(monkeypatch, code.versions()["torch"].partition("+")[0] + "+another.build")
    again, heard = carried_out(tmp_path)
    assert again == first
    assert heard.trained == []


def test_another_hardware_model_costs_stored_trials_again_and_trains_nothing(tmp_path, monkeypatch) -> None:
    first, _ = carried_out(tmp_path)
    other_source(monkeypatch, code.COSTS)
    again, heard = carried_out(tmp_path)
    assert heard.trained == []
    for one, other in zip(first, again, strict=True):
        assert one.manifest.accelerator_hash != other.manifest.accelerator_hash
        assert one.costs == other.costs


def test_a_store_of_before_which_names_no_code_is_refused(tmp_path) -> None:
    """Its base is the one without code, as former versions had it."""
    config = StudyConfig.parse(STUDY, "study")
    with running.open_study(config, tmp_path) as study:
        runner = study.known.runner
        base = config.base_hash(runner.data.hash, runner.builder.hash)
        study.known.store.set_meta(**{"base_hash": base, code.TRAINED_BY: "", "made_by": code.UNNAMED})
    with pytest.raises(StoreError, match=code.UNNAMED):
        carried_out(tmp_path)
    _, heard = carried_out(tmp_path, mix_versions=True)
    assert heard.trained


def test_a_worker_of_other_code_does_not_work(tmp_path, monkeypatch) -> None:
    with running.open_study(StudyConfig.parse(STUDY, "study"), tmp_path) as study:
        handed = Handed.by(study.known, "far away")
        other_torch(monkeypatch)
        with pytest.raises(ConfigError, match="Install the same versions on every machine"):
            handed.study(study.known.runner.data, StudyListener())


def copied(tmp_path: Path) -> Path:
    for part in (*code.TRAINS, *code.COSTS, "cli"):
        (tmp_path / part).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (code.ROOT / part).is_dir() else shutil.copy
        copy(code.ROOT / part, tmp_path / part)
    return tmp_path


def test_every_counted_source_counts_and_no_other(tmp_path) -> None:
    root = copied(tmp_path)
    assert code.digest(code.TRAINS, root) == code.digest(code.TRAINS)
    first, costs = code.digest(code.TRAINS, root), code.digest(code.COSTS, root)
    chosen = ["training/step.py", "kernels/csrc/lif.h", "study/splits.py"]
    for name in chosen:
        path = next(root.glob(name), None) or next(root.glob("kernels/csrc/*.c"))
        before = path.read_bytes()
        path.write_bytes(before + b"\n")
        assert code.digest(code.TRAINS, root) != first
        path.write_bytes(before.replace(b"\n", b"\r\n"))
        assert code.digest(code.TRAINS, root) == first
        path.rename(path.with_name("z_" + path.name))
        assert code.digest(code.TRAINS, root) != first
        path.with_name("z_" + path.name).rename(path)
    (root / "cli" / "study.py").write_text("")
    (root / "hardware" / "bops.py").write_text("")
    assert code.digest(code.TRAINS, root) == first
    assert code.digest(code.COSTS, root) != costs


def test_every_room_is_counted_or_decides_no_number() -> None:
    rooms = {path.name for path in code.ROOT.iterdir() if (path / "__init__.py").is_file()}
    counted = {part for part in (*code.TRAINS, *code.COSTS) if "/" not in part}
    assert counted | NO_NUMBERS == rooms
    assert not counted & NO_NUMBERS
    assert all((code.ROOT / part).exists() for part in (*code.TRAINS, *code.COSTS))


def test_what_is_counted_computes_with_nothing_that_is_not() -> None:
    allowed = {part for part in (*code.TRAINS, *code.COSTS) if "/" not in part} | {"core", "records"}
    for part in allowed - {"core", "records"}:
        for path in (code.ROOT / part).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("spareto."):
                    assert node.module.split(".")[1] in allowed | {"_version", "recipes"}, (path, node.module)
