"""`docs/performance.md` is what the benchmarks printed, and says where nothing was measured."""

import json

import pytest
from benchmarks import page


def test_the_page_is_what_was_measured():
    assert page.PAGE.read_text(encoding="utf-8") == page.page()


def test_every_measurement_has_its_place():
    marks = page.MARK.findall(page.TEMPLATE.read_text(encoding="utf-8"))
    assert sorted(marks) == sorted(page.COMMANDS)
    kept = {file.stem for file in (page.HERE / "measured").glob("*.json")}
    assert kept <= set(page.COMMANDS)


@pytest.mark.parametrize("name", page.COMMANDS)
def test_commands_and_machines_stand_beside_the_numbers(name):
    kept = page.HERE / "measured" / f"{name}.json"
    shown = page.block(name)
    if not kept.exists():
        assert shown == f"`python -m {page.COMMANDS[name]}`: not measured."
        return
    found = json.loads(kept.read_text(encoding="utf-8"))
    assert found["command"].endswith(f"python -m {page.COMMANDS[name]}")
    assert all(part in shown for part in (found["command"], found["machine"], *found["output"]))


def test_a_machine_is_described():
    assert "torch" in page.machine()
