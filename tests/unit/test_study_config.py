"""A study file is refused where it says something twice or nowhere; its paths are relative to it."""

import pytest

from spareto.core.errors import ConfigError
from spareto.study.config import StudyConfig


@pytest.mark.parametrize("name", ["../x", "a/b", "a\\b", "", "..", " ", "/tmp/x"])
def test_a_study_name_is_one_folder(name) -> None:
    with pytest.raises(ConfigError, match=r"^study\.name: got .* expected a short name without slashes"):
        StudyConfig.parse({"name": name}, "study")


def test_a_seed_stands_once() -> None:
    with pytest.raises(ConfigError, match=r"^study\.seeds: got \[0, 1, 0\]; expected every seed once\.$"):
        StudyConfig.parse({"name": "x", "seeds": [0, 1, 0]}, "study")


def test_the_root_of_data_is_relative_to_the_study_file(tmp_path) -> None:
    file = tmp_path / "study.yaml"
    file.write_text("name: x\ndata: {name: nmnist, options: {root: recordings}}\n")
    assert StudyConfig.load(file).data.options["root"] == str(tmp_path / "recordings")
    file.write_text(f"name: x\ndata: {{name: nmnist, options: {{root: {tmp_path / 'there'}}}}}\n")
    assert StudyConfig.load(file).data.options["root"] == str(tmp_path / "there")
