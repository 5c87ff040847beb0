"""Plug-ins found by file name, in a package made for each test."""

import sys
from importlib.metadata import EntryPoint

import pytest

from spareto.core.errors import ConfigError, UnknownName
from spareto.core.registry import Registry

BASE = """
from abc import ABC, abstractmethod
class Pet(ABC):
    @abstractmethod
    def speak(self): ...
"""
CAT = """
from {package}._base import Pet
class _Hidden(Pet):
    def speak(self): return "psst"
class Half(Pet):
    pass
class Cat(Pet):
    def __init__(self, sound="meow"): self.sound = sound
    def speak(self): return self.sound
"""


@pytest.fixture
def package(tmp_path, monkeypatch, request):
    name = f"pets_{abs(hash(request.node.nodeid))}"
    folder = tmp_path / name
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "_base.py").write_text(BASE)
    (folder / "cat.py").write_text(CAT.format(package=name))
    monkeypatch.syspath_prepend(tmp_path)
    yield folder
    for loaded in [key for key in sys.modules if key.partition(".")[0] == name]:
        del sys.modules[loaded]


@pytest.fixture
def pets(package):
    base = __import__(f"{package.name}._base", fromlist=["Pet"]).Pet
    return Registry(package.name, base, "pet")


def test_the_one_concrete_class_of_a_file_is_found(pets):
    assert pets.names() == ("cat",)
    assert pets.get("cat").__name__ == "Cat"
    assert pets.make("cat", sound="purr").speak() == "purr"


def test_unknown_options_are_all_named_with_the_known_ones(pets):
    with pytest.raises(ConfigError) as error:
        pets.make("cat", sond="purr", age=3)
    assert str(error.value) == (
        "pet 'cat'.sond: got an unknown option; expected one of sound. Did you mean 'sound'?\n"
        "pet 'cat'.age: got an unknown option; expected one of sound."
    )


def test_missing_options_are_all_named(package, pets):
    source = CAT.format(package=package.name)
    (package / "dog.py").write_text(source.replace('self, sound="meow"', "self, sound, *, size, age=1"))
    (package / "fox.py").write_text(source.replace('self, sound="meow"', "self, sound, **more"))
    for name, options in (("dog", ("sound", "size")), ("fox", ("sound",))):
        with pytest.raises(ConfigError) as error:
            pets.make(name, "zoo.options")
        assert str(error.value).splitlines() == [
            f"zoo.options.{option}: got nothing; expected a value, for it has no default. Pass {option}."
            for option in options
        ]


def test_an_error_names_the_place_the_options_came_from(package, pets):
    (package / "dog.py").write_text(CAT.format(package=package.name).replace('self, sound="meow"', "self"))
    with pytest.raises(ConfigError) as error:
        pets.make("dog", "zoo.options", age=3)
    assert (
        str(error.value)
        == "zoo.options.age: got an unknown option; expected no option, for pet 'dog' has none."
    )


def test_a_constructor_that_takes_any_option_gets_it(package, pets):
    (package / "dog.py").write_text(
        CAT.format(package=package.name).replace('self, sound="meow"', "self, sound='', **more")
    )
    assert pets.make("dog", sound="wuff", age=3).speak() == "wuff"


def test_listing_imports_nothing(package, pets):
    assert pets.names() == ("cat",)
    assert f"{package.name}.cat" not in sys.modules


def test_a_near_miss_is_answered_with_a_suggestion(pets):
    with pytest.raises(UnknownName) as error:
        pets.get("cta")
    assert str(error.value) == "pet: got 'cta'; expected one of cat. Did you mean 'cat'?"


@pytest.mark.parametrize("name", ["__init__", "_base", "", "..cat", "Cat"])
def test_only_public_files_are_names(pets, name):
    with pytest.raises(UnknownName):
        pets.get(name)


def test_a_neighbour_with_a_missing_library_does_not_disturb(package, pets):
    (package / "dog.py").write_text("import a_library_nobody_has\n")
    assert pets.names() == ("cat", "dog")
    assert pets.make("cat").speak() == "meow"
    with pytest.raises(ModuleNotFoundError, match="a_library_nobody_has"):
        pets.get("dog")


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("from {package}.cat import Cat\n", "none"),
        ("from {package}.cat import Cat\nclass A(Cat): ...\nclass B(Cat): ...\n", "A, B"),
    ],
)
def test_a_file_with_none_or_two_classes_is_refused(package, pets, source, found):
    (package / "dog.py").write_text(source.format(package=package.name))
    with pytest.raises(TypeError) as error:
        pets.get("dog")
    assert str(error.value) == f"{package.name}.dog: got {found}; expected exactly one concrete Pet."


def test_a_third_party_adds_a_name_by_an_entry_point(package, pets, monkeypatch):
    points = [EntryPoint("tiger", f"{package.name}.cat:Cat", package.name)]
    monkeypatch.setattr(
        "importlib.metadata.entry_points", lambda group: points if group == package.name else []
    )
    assert pets.names() == ("cat", "tiger")
    assert pets.make("tiger").speak() == "meow"


def test_our_own_registries_suggest_too():
    from spareto.pruners import registry

    with pytest.raises(UnknownName) as error:
        registry.get("magnitud")
    known = ", ".join(registry.names())
    assert str(error.value) == f"pruner: got 'magnitud'; expected one of {known}. Did you mean 'magnitude'?"
