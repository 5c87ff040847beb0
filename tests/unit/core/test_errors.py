import pytest

from spareto.core import errors
from spareto.core.errors import ConfigError, InputError, Problem, SparetoError, did_you_mean, one_of


def test_a_problem_reads_as_the_template():
    problem = Problem("recipe.steps[1].bits", "0", "an integer from 1 to 16", "Use quantizer 'sign'.")
    expected = "recipe.steps[1].bits: got 0; expected an integer from 1 to 16. Use quantizer 'sign'."
    assert str(problem) == expected


def test_a_problem_without_a_cure_ends_with_its_rule():
    assert str(Problem("epochs", "-1", "0 or more")) == "epochs: got -1; expected 0 or more."


def test_an_error_carries_all_problems_one_a_line():
    problems = [Problem("a", "1", "2"), Problem("b", "3", "4", "Do it.")]
    error = InputError(iter(problems))
    assert error.problems == tuple(problems)
    assert str(error) == "a: got 1; expected 2.\nb: got 3; expected 4. Do it."


def test_a_single_problem_needs_no_list():
    assert ConfigError(Problem("a", "1", "2")).problems == (Problem("a", "1", "2"),)


@pytest.mark.parametrize("name", ["ConfigError", "DataError", "StoreError", "UnknownName"])
def test_what_the_user_gave_wrong_is_an_input_error_and_a_value_error(name):
    cls = getattr(errors, name)
    assert issubclass(cls, InputError)
    assert issubclass(cls, SparetoError)
    assert issubclass(cls, ValueError)


def test_training_errors_are_not_the_users_input():
    assert issubclass(errors.TrainingError, SparetoError)
    assert not issubclass(errors.TrainingError, InputError)


@pytest.mark.parametrize(
    ("word", "known", "expected"),
    [
        ("magnitud", ["magnitude", "random"], "Did you mean 'magnitude'?"),
        ("sparsty", ["bits", "sparsity"], "Did you mean 'sparsity'?"),
        ("zebra", ["magnitude", "random"], ""),
        ("anything", [], ""),
    ],
)
def test_a_near_miss_is_suggested(word, known, expected):
    assert did_you_mean(word, known) == expected


def test_allowed_names_are_listed():
    assert one_of(["bitmask", "cp"]) == "one of bitmask, cp"
