"""Options are annotations: one routine holds every variant's arguments to them."""

import inspect
from typing import Annotated, Any, TypedDict, Unpack, get_type_hints

import pytest
from pydantic import Field

from spareto import networks, neurons, pruners, quantizers
from spareto.core.config import Rule
from spareto.core.constructors import options_of, problems_with
from spareto.core.errors import ConfigError
from spareto.core.options import Flag, hold_options
from spareto.data.encoders import images
from spareto.neurons import surrogates
from spareto.quantizers import rounding
from spareto.study.search import samplers

Small = Annotated[int, Field(ge=1, le=9), Rule("an integer from 1 to 9", "Use 3.")]
REGISTRIES = (
    networks.registry,
    neurons.registry,
    surrogates.registry,
    pruners.registry,
    quantizers.registry,
    rounding.registry,
    images.registry,
    samplers.registry,
)
VARIANTS = [(registry, name) for registry in REGISTRIES for name in registry.names()]
NAMED = [f"{registry.kind} {name}" for registry, name in VARIANTS]


class Shared(TypedDict, total=False):
    loud: Flag


class Base:
    def __init_subclass__(cls) -> None:
        hold_options(cls, "thing")

    def __init__(self, **shared: Unpack[Shared]) -> None:
        self.shared = shared


class Thing(Base):
    def __init__(
        self, small: Small, other: Any = None, *, many: tuple[Small, ...] = (), **shared: Unpack[Shared]
    ):
        super().__init__(**shared)
        self.small, self.other, self.many = small, other, many


class Doubled(Thing):
    """Inherits its constructor, which says it is of this class's file."""


PLACE = "thing 'test_options'"


@pytest.mark.parametrize("kind", [Thing, Doubled])
def test_all_that_is_wrong_comes_in_one_error(kind):
    with pytest.raises(ConfigError) as caught:
        kind(10, many=(1, True), loud="yes")
    assert str(caught.value).splitlines() == [
        f"{PLACE}.small: got 10; expected an integer from 1 to 9. Use 3.",
        f"{PLACE}.many[1]: got True; expected an integer from 1 to 9. Use 3.",
        f"{PLACE}.loud: got 'yes'; expected True or False.",
    ]


def test_what_is_right_arrives_as_it_is():
    anything = object()
    made = Thing(3, anything, many=(1, 2), loud=True)
    assert (made.small, made.other, made.many, made.shared) == (3, anything, (1, 2), {"loud": True})
    assert options_of(Thing) == ({"small": True, "other": False, "many": False, "loud": False}, False)


def test_python_says_what_it_says_elsewhere():
    for make in (lambda: Thing(), lambda: Thing(1, 2, 3)):
        with pytest.raises(TypeError, match="argument"):
            make()


def test_an_option_that_nobody_knows_is_refused():
    with pytest.raises(ConfigError) as caught:
        Thing(1, quiet=True, luod=False)
    known = "expected one of small, other, many, loud."
    assert str(caught.value).splitlines() == [
        f"{PLACE}.quiet: got an unknown option; {known}",
        f"{PLACE}.luod: got an unknown option; {known} Did you mean 'loud'?",
    ]


@pytest.mark.parametrize(("registry", "name"), VARIANTS, ids=NAMED)
def test_every_option_of_every_variant_has_a_rule(registry, name):
    """A number without a rule would be taken whatever it is."""
    cls = registry.get(name)
    hints = get_type_hints(cls.__init__, include_extras=True)
    named, others = options_of(cls)
    assert not others or "neuron" in named, "options beside those named are those of a wrapped neuron"
    bare = {option for option in named if hints.get(option) in (int, float, bool, str)}
    assert bare <= {"bits"}, "which the class's own bits_supported holds"
    if "__init__" in vars(cls):
        assert hasattr(cls.__init__, "__wrapped__"), "its constructor is not held"
        assert inspect.signature(cls)


@pytest.mark.parametrize(("registry", "name"), VARIANTS, ids=NAMED)
def test_what_is_no_value_at_all_is_one_problem_for_each_option(registry, name):
    cls = registry.get(name)
    named, _ = options_of(cls)
    problems = problems_with(cls, "here", name, dict.fromkeys(named, object()))
    free = {"slope"}  # which the surrogate holds as its alpha
    assert {problem.where for problem in problems} == {
        f"here.{option}" for option in named if option not in free
    }
    assert len(problems) == len(set(named) - free)
