"""Names of `spareto` are imported on first use, and leave the garbage collector as they found it."""

import subprocess
import sys

import pytest

USED = """
import gc, sys
import spareto

class Watching:
    collecting = []
    def find_spec(self, *told):
        self.collecting.append(gc.isenabled())

{before}
sys.meta_path.insert(0, Watching())
spareto.TrainingPlan, spareto.recipes
assert Watching.collecting and not any(Watching.collecting)
assert gc.isenabled() is {enabled}
try:
    spareto.not_there
except AttributeError:
    pass
assert gc.isenabled() is {enabled}
"""


@pytest.mark.parametrize(("before", "enabled"), [("", True), ("gc.disable()", False)])
def test_an_import_on_first_use_collects_no_garbage_and_leaves_the_collector_as_it_was(before, enabled):
    subprocess.run([sys.executable, "-c", USED.format(before=before, enabled=enabled)], check=True)
