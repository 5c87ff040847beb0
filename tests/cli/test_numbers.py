"""Every option of every command that is a number says what it may be, and refuses anything else at once."""

import importlib
import math
import typing
from dataclasses import is_dataclass
from types import UnionType

import pytest
from cyclopts import Parameter

from spareto.cli import COMMANDS, app
from spareto.cli.numbers import Within


def leaves(hint):
    """The plain types of a hint."""
    if typing.get_origin(hint) in (typing.Union, UnionType, typing.Annotated, list, tuple):
        return [leaf for part in typing.get_args(hint) for leaf in leaves(part)]
    return [hint]


def options(holder):
    """Name, hint and ranges of every number that a command takes, those of its groups of options too."""
    for name, hint in typing.get_type_hints(holder, include_extras=True).items():
        kinds = leaves(hint)
        for group in (kind for kind in kinds if is_dataclass(kind) or typing.is_typeddict(kind)):
            yield from options(group)
        if name != "return" and {int, float} & set(filter(lambda kind: isinstance(kind, type), kinds)):
            stated = [part for part in kinds if isinstance(part, Parameter)]
            found = [check for each in stated for check in each.validator if isinstance(check, Within)]
            yield name, kinds, found


def functions():
    for words, (place, _) in COMMANDS.items():
        module, _, name = place.partition(":")
        yield words, getattr(importlib.import_module(f"spareto.cli.{module}"), name)


@pytest.mark.parametrize(("words", "function"), [pytest.param(*pair, id=pair[0]) for pair in functions()])
def test_every_number_has_a_range(words, function):
    for name, kinds, found in options(function):
        assert len(found) == 1, f"spareto {words} --{name} takes any number: see spareto.cli.numbers"
        (check,) = found
        for wrong in (check.least - 1, check.most * 2, *([math.nan, math.inf] if float in kinds else [])):
            for value in (wrong, [check.least, wrong]):
                with pytest.raises(ValueError, match=r"^Expected .* number|integer .*\.$"):
                    check(int, value)
        for right in (check.least, check.most, None, [], [check.most]):
            check(int, right)


def test_some_numbers_are_there():
    assert sum(len(list(options(function))) for _, function in functions()) > 20


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("bench a.spareto --rounds 0", "--rounds. Expected an integer from 1 to 1,000,000,000."),
        ("bench a.spareto --density nan", "--density. Expected a number from 0 to 1."),
        ("run a.spareto a.npz --threads -1", "--threads. Expected an integer from 1 to 100,000."),
        ("profile a.safetensors --batch-size 0", "--batch-size. Expected an integer from 1"),
        ("study sensitivity a.yaml --sparsity 0.5 1.5", "--sparsity. Expected a number from 0 to 1."),
    ],
)
def test_it_is_refused_before_anything_is_read(command, said, capsys):
    with pytest.raises(SystemExit) as ended:
        app(command.split())
    assert ended.value.code == 2
    told = " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert "Invalid value" in told
    assert said in told
