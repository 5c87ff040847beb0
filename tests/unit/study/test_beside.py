"""A folder that was taken for a run folder: the error names what is there."""

import json

import pytest

from spareto.core.errors import StoreError
from spareto.study.store import TrialStore


def refusal(folder) -> str:
    with pytest.raises(StoreError) as caught, TrialStore.of(folder):
        raise AssertionError
    return str(caught.value)


def test_the_studies_of_a_folder_are_named(tmp_path) -> None:
    for name in ("eyeriss-like-1", "loihi-like-2"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "study.sqlite").touch()
    assert "name one of them: eyeriss-like-1, loihi-like-2." in refusal(tmp_path)


@pytest.mark.parametrize("part", ["networks", "details", "anything"])
def test_a_part_of_a_run_folder_names_the_run_folder(tmp_path, part) -> None:
    (tmp_path / "study.sqlite").touch()
    (tmp_path / part).mkdir()
    assert f"name '{tmp_path}'" in refusal(tmp_path / part)


def test_results_of_local_learning_are_told_from_a_study(tmp_path) -> None:
    result = {"label": "diehl_cook", "neurons": 10, "seed": 0, "plan": {}, "accuracy": 0.5}
    (tmp_path / "diehl-cook-10-seed0.json").write_text(json.dumps(result))
    assert "results of 'spareto learn'" in refusal(tmp_path)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"label": 1}', "\x00"])
def test_other_files_are_not_taken_for_results(tmp_path, content) -> None:
    (tmp_path / "a-seed0.json").write_text(content)
    assert "Check the path" in refusal(tmp_path)


def test_a_folder_that_is_not_there(tmp_path) -> None:
    assert "Check the path" in refusal(tmp_path / "nowhere")
