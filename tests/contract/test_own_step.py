"""A recipe step of a user's own: a record and what it does, one file each, and no other file touched."""

import json
import subprocess
import sys

import pytest

PLAN = '''
from typing import Annotated, Any, ClassVar, Literal
from spareto.core.config import Named
from spareto.records.steps import StepPlan
from spareto.records.training import Share

class ClipStep(StepPlan):
    """Cut large weights off.

    Args:
        most: Largest magnitude that stays.
        by: Who says so.
        start: Share of the training after which it is done.
    """
    place: ClassVar[int] = 1
    regime: ClassVar[str] = "clip"
    examples: ClassVar[tuple[dict[str, Any], ...]] = ({"most": 0.125},)
    kind: Literal["clip"] = "clip"
    most: Share
    by: Annotated[str, Named("spareto.pruners")] = "magnitude"

    @property
    def words(self):
        return f"at {self.most:g}"
'''
DOES = """
import torch
from spareto.compression.steps import Step

class Clip(Step):
    def apply(self, layers, plan, context):
        with torch.no_grad():
            for layer in layers.values():
                layer.weight.clamp_(-plan.most, plan.most)
"""
BEGIN = """
import json, sys
from pathlib import Path
import spareto.records.steps
spareto.records.steps.__path__.append(sys.argv[1] + "/plans")
def does():
    import spareto.compression.steps
    spareto.compression.steps.__path__.append(sys.argv[1] + "/does")
def tell(value): print(json.dumps(value))
"""
SAID = {"kind": "clip", "most": 0.125}
CASES = {
    "a recipe reads it, without torch": (
        "from spareto.records import Recipe\n"
        f"first = Recipe.parse({{'steps': [{SAID}]}}, 'recipe')\n"
        f"both = Recipe.parse({{'steps': [{{'kind': 'quantize', 'bits': 4}}, {SAID}]}}, 'recipe')\n"
        "tell([first.regime, first.label, [s.kind for s in both.steps], both.regime, both.label,\n"
        "      Recipe.parse(both.to_dict(), 'recipe') == both, 'torch' in sys.modules])",
        ["clip", "clip at 0.125 float", ["clip", "quantize"], "joint", "joint at 0.125 4 bit", True, False],
    ),
    "a mistake in it is told by its place": (
        "from spareto.core.errors import ConfigError\nfrom spareto.records import Recipe\n"
        "try:\n    Recipe.parse({'steps': [{'kind': 'clip', 'most': 2, 'bit': 1}]}, 'recipe')\n"
        "except ConfigError as error:\n    tell([each.where for each in error.problems])",
        ["recipe.steps[0].most", "recipe.steps[0].bit"],
    ),
    "an unknown one is told the names": (
        "from spareto.core.errors import ConfigError\nfrom spareto.records import Recipe\n"
        "try:\n    Recipe.parse({'steps': [{'kind': 'clp'}]}, 'recipe')\n"
        "except ConfigError as error:\n    tell([each.where + each.cure for each in error.problems])",
        ["recipe.steps[0].kindDid you mean 'clip'?"],
    ),
    "the schema of recipe files has it": (
        "does()\nfrom spareto.compression.schema import recipe_schema\n"
        "part = recipe_schema()['$defs']['ClipStep']\n"
        "tell([part['required'], part['description'], part['properties']['most']['description'],\n"
        "      'magnitude' in part['properties']['by']['enum'], part['examples']])",
        [["kind", "most"], "Cut large weights off.", "Largest magnitude that stays.", True, [SAID]],
    ),
    "a network is compressed by it": (
        "does()\nimport torch, spareto\nfrom spareto.records import Recipe\n"
        "torch.manual_seed(0)\nnetwork = torch.nn.Sequential(torch.nn.Linear(20, 4))\n"
        f"small = spareto.compress(network, Recipe.parse({{'steps': [{SAID}]}}, 'recipe'))\n"
        "tell([float(small[0].weight.abs().max()), float(network[0].weight.abs().max()) > 0.125])",
        [0.125, True],
    ),
    "a search varies it": (
        "from spareto.records import TrainingPlan\nfrom spareto.study.search.recipes import recipe_of\n"
        "from spareto.study.search.space import Variable\n"
        "variables = [Variable('clip.most', (0.1, 0.2)), Variable('bits', (4, 8))]\n"
        "made = recipe_of({'clip.most': 0.2, 'bits': 8}, variables, {}, TrainingPlan())\n"
        "tell([[step.kind for step in made.steps], made.steps[0].most])",
        [["clip", "quantize"], 0.2],
    ),
    "the contract tests find it": (
        "does()\nimport torch\nfrom spareto.compression.steps import registry\n"
        "from spareto.records import Recipe\nfrom spareto.records.steps import registry as plans\n"
        "from spareto.testing import steps as laws\n"
        "assert 'clip' in plans.names() and plans.names() == registry.names()\n"
        "laws.check_plan(plans.get('clip'), 'clip')\n"
        f"recipe = Recipe.parse({{'steps': [{SAID}]}}, 'recipe')\n"
        "laws.check_repeatable(torch.nn.Sequential(torch.nn.Linear(9, 4)), recipe)\ntell('kept')",
        "kept",
    ),
    "a terminal, figures and pages draw its regime": (
        "from spareto.cli.textplot import plot\nfrom spareto.reports.regimes import all_regimes, look_of\n"
        "lines = list(plot([(1.0, 0.9, 'clip', True), (2.0, 0.95, 'dense', False)], 'pJ', 'accuracy'))\n"
        "tell([lines[-1], look_of('clip').text, all_regimes(['clip'])[-1]])",
        ["d dense  x clip; capitals: on the front", "clip", "clip"],
    ),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("own")
    for room, text in (("plans", PLAN), ("does", DOES)):
        (made / room).mkdir()
        (made / room / "clip.py").write_text(text, encoding="utf-8")
    return made


@pytest.mark.parametrize("case", CASES)
def test_a_step_is_added_by_its_files_alone(folder, case):
    code, expected = CASES[case]
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + code, str(folder)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == expected


def test_a_package_brings_a_step_by_entry_points(tmp_path):
    """As the page on recipes shows it: two names in a package's metadata."""
    (tmp_path / "plan.py").write_text(PLAN, encoding="utf-8")
    (tmp_path / "clip.py").write_text(DOES, encoding="utf-8")
    about = tmp_path / "mine-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n", encoding="utf-8")
    (about / "entry_points.txt").write_text(
        "[spareto.records.steps]\nclip = plan:ClipStep\n[spareto.compression.steps]\nclip = clip:Clip\n",
        encoding="utf-8",
    )
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\nimport torch, spareto\n"
        f"recipe = spareto.Recipe.parse({{'steps': [{SAID}]}}, 'recipe')\n"
        "small = spareto.compress(torch.nn.Sequential(torch.nn.Linear(20, 4)), recipe)\n"
        "print(recipe.label, float(small[0].weight.abs().max()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.split()) == (0, ["clip", "at", "0.125", "float", "0.125"]), (
        done.stderr
    )
