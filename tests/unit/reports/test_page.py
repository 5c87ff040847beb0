"""The page as a file: well-formed, closed to the outside, within its budget, and the same each time."""

import base64
import hashlib
import html
import re

import factories
from report_pages import Page, data_of, without_scripts
from spareto import formats, hardware
from spareto.reports.page import render
from spareto.reports.page.content import BUDGET
from spareto.reports.page.terms import terms


def test_the_page_is_well_formed_and_tells_every_recipe(one_seed, three_seeds) -> None:
    for results in (one_seed, three_seeds):
        text = render(results)
        Page(without_scripts(text))
        assert data_of(text)["points"]["name"] == [row["trial"] for row in results.means]
        assert len(text) < 6_000_000


def test_the_page_names_no_other_place(one_seed) -> None:
    text = without_scripts(render(one_seed))
    assert not re.search(r"https?:|@import|url\(", text)
    assert not {"src", "srcset", "action"} & {name for name, _ in Page(text).attributes}
    assert {value[0] for name, value in Page(text).attributes if name == "href"} == {"#"}


def test_the_policy_allows_the_two_scripts_and_nothing_else(one_seed) -> None:
    text = render(one_seed)
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)
    scripts = re.findall(r"<script>(.*?)</script>", text, flags=re.DOTALL)
    digests = [base64.b64encode(hashlib.sha256(each.encode()).digest()).decode() for each in scripts]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["script-src"] == " ".join(f"'sha256-{digest}'" for digest in digests)
    assert len(scripts) == 2
    assert rules["default-src"] == rules["connect-src"] == rules["base-uri"] == "'none'"
    assert not [name for name, _ in Page(without_scripts(text)).attributes if name.startswith("on")]


def test_a_page_that_is_served_may_ask_its_own_server(one_seed) -> None:
    assert "connect-src 'self';" in render(one_seed, live="version?token=a")


def test_odd_studies_give_a_well_formed_page(odd) -> None:
    text = render(odd)
    Page(without_scripts(text))
    assert len(data_of(text)["points"]["id"]) == len(odd.means)


def test_a_hostile_name_stays_text(make) -> None:
    text = render(make(factories.odd_studies()["hostile name"]))
    assert text.count("</script>") == Page(without_scripts(text)).tags.count("script")
    assert data_of(text)["points"]["name"][1] == "</script><b>&\"'{{ 7 * 7 }}"
    assert "<b>&" not in without_scripts(text)
    assert "{{ 7" in html.unescape(text)  # no template ran in it


def test_no_trials_is_said(make) -> None:
    text = render(make([]))
    Page(text)
    assert "No trial has finished yet." in text


def test_the_same_results_give_the_same_page(three_seeds) -> None:
    assert render(three_seeds) == render(three_seeds)


def test_provenance_is_told(one_seed) -> None:
    text = html.unescape(render(one_seed))
    for fact in (
        "physical, mean activity",
        "5f0c1b6de2a94a10",
        "torch 2.13.0",
        "the clock and leakage",
        "898",
    ):
        assert fact in text


def test_of_many_points_the_most_important_are_shown_in_full(one_seed, make, monkeypatch) -> None:
    whole = data_of(render(one_seed))
    assert set(whole["costs"]) == {str(place) for place in range(len(one_seed.means))}
    monkeypatch.setattr("spareto.reports.page.content.BUDGET", BUDGET // 100)
    less = data_of(render(one_seed))
    assert 0 < len(less["costs"]) < len(whole["costs"])
    assert str(less["marks"]["chosen"]) in less["costs"]
    assert less["points"] == whole["points"]


def test_an_empty_page_that_is_served_asks_again_by_itself(make) -> None:
    again = '<meta http-equiv="refresh"'
    assert again in render(make([]), live="version?token=x")
    assert again not in render(make([]))
    assert again not in render(make(factories.study()), live="version?token=x")


def test_every_format_and_kind_of_accelerator_has_its_one_line() -> None:
    known = terms(None)
    assert {name for name in formats.registry.names() if name not in known} == set()
    for name in hardware.accelerator_names():
        chip = hardware.load_accelerator(name)
        assert {part.name for part in chip.parts if part.name not in terms(chip)} == set()
        assert chip.kind in known
