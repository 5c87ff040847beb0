"""Every way to copy a record checks what it changes."""

import copy
import sys

import pytest

from spareto.core.config import Record
from spareto.core.errors import ConfigError
from spareto.records import Recipe, TrainingPlan

PLAN = TrainingPlan(epochs=5)
WAYS = {
    "replace": lambda record, **changes: record.replace(**changes),
    "model_copy": lambda record, **changes: record.model_copy(update=changes),
    "deep model_copy": lambda record, **changes: record.model_copy(update=changes, deep=True),
    "copy": lambda record, **changes: record.copy(update=changes),
}
if sys.version_info >= (3, 13):
    WAYS["copy.replace"] = copy.replace


@pytest.mark.parametrize("way", WAYS)
def test_a_copy_is_checked(way):
    for changes in ({"batch_size": -5}, {"epochs": "many"}, {"batch_sise": 4}):
        with pytest.raises(ConfigError, match=f"TrainingPlan.{next(iter(changes))}"):
            WAYS[way](PLAN, **changes)
    changed = WAYS[way](PLAN, batch_size=64)
    assert (changed.epochs, changed.batch_size) == (5, 64)
    assert changed == TrainingPlan(epochs=5, batch_size=64)
    assert changed.model_fields_set == {"epochs", "batch_size"}


@pytest.mark.parametrize("way", WAYS)
def test_fields_that_contradict_each_other_are_refused(way):
    with pytest.raises(ConfigError):
        WAYS[way](Recipe(steps=()), steps=({"kind": "quantize", "bits": 0},))


def test_a_copy_without_changes_is_equal_and_a_deep_one_shares_nothing():
    assert PLAN.model_copy() == PLAN == copy.copy(PLAN) == copy.deepcopy(PLAN) == PLAN.copy()
    holder = Recipe(training=PLAN)
    assert holder.model_copy().training is holder.training
    assert holder.model_copy(deep=True).training is not holder.training
    with pytest.raises(ConfigError, match="exclude"):
        PLAN.copy(exclude={"epochs"})


def test_no_record_copies_in_a_way_of_its_own():
    def below(kind):
        for each in kind.__subclasses__():
            yield each
            yield from below(each)

    for record in below(Record):
        assert record.model_copy is Record.model_copy
        assert record.copy is Record.copy
