"""Every public name says what it is, what it takes and what it refuses."""

import ast
import dataclasses
import inspect
import textwrap
import types
import typing

import pytest

import spareto

PUBLIC = [name for name in spareto.__all__ if not name.startswith("__")]
VALUES = {name: getattr(spareto, name) for name in PUBLIC}
CLASSES = {name: value for name, value in VALUES.items() if inspect.isclass(value)}
FUNCTIONS = {name: value for name, value in VALUES.items() if inspect.isfunction(value)}


def fields_of(kind: type) -> list[str]:
    """What its constructor takes, without what may have one value only."""
    if dataclasses.is_dataclass(kind):
        return [each.name for each in dataclasses.fields(kind) if not each.name.startswith("_")]
    found = getattr(kind, "model_fields", {})
    constants = [
        name for name, field in found.items() if typing.get_origin(field.annotation) is typing.Literal
    ]
    return [
        name for name in found if name not in constants or len(typing.get_args(found[name].annotation)) > 1
    ]


def unsaid(text: str, names: list[str]) -> list[str]:
    return [name for name in names if f"{name}:" not in text and f"`{name}`" not in text]


def methods_of(kind: type) -> dict[str, types.FunctionType]:
    found = {}
    for name, member in vars(kind).items():
        inner = getattr(member, "__func__", getattr(member, "fget", getattr(member, "func", member)))
        if not name.startswith("_") and inspect.isfunction(inner) and inner.__module__.startswith("spareto"):
            found[name] = inner
    return found


def raises(function: types.FunctionType) -> bool:
    """Whether its own body raises something new."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except OSError:
        return False  # written by a decorator
    return any(isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) for node in ast.walk(tree))


def test_there_is_something_to_check() -> None:
    assert len(FUNCTIONS) > 25
    assert len(CLASSES) > 15
    assert sum(len(methods_of(kind)) for kind in CLASSES.values()) > 30
    assert sum(raises(each) for each in FUNCTIONS.values()) > 3
    assert unsaid("one: a thing", ["one", "two"]) == ["two"]


@pytest.mark.parametrize("name", CLASSES)
def test_a_class_tells_its_fields_and_methods(name) -> None:
    kind = CLASSES[name]
    texts = [inspect.getdoc(base) or "" for base in kind.__mro__ if base.__module__.startswith("spareto")]
    assert unsaid("\n".join(texts), fields_of(kind)) == []
    assert [each for each in methods_of(kind) if not inspect.getdoc(vars(kind)[each])] == []


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_tells_its_errors(name) -> None:
    if raises(FUNCTIONS[name]):
        assert "Raises:" in (inspect.getdoc(FUNCTIONS[name]) or "")


@pytest.mark.parametrize("name", CLASSES)
def test_a_method_tells_its_errors(name) -> None:
    methods = methods_of(CLASSES[name])
    silent = [
        each
        for each in methods
        if raises(methods[each]) and "Raises:" not in (inspect.getdoc(methods[each]) or "")
    ]
    assert silent == []
