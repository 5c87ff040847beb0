import html
import json
import re
from html.parser import HTMLParser

import factories
from spareto.reports.page import render

VOID = {"meta", "path", "line", "circle", "br"}


class Page(HTMLParser):
    """Checks that tags close in order, and keeps the text of the data island and all attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.data = ""
        self.tags: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data) -> None:
        if self.open and self.open[-1] == "script" and not self.data:
            self.data = data


def test_the_page_is_well_formed_and_tells_every_recipe(one_seed, three_seeds) -> None:
    for results in (one_seed, three_seeds):
        text = render(results)
        data = json.loads(Page(text).data)
        assert [point["name"] for point in data["points"]] == [row["trial"] for row in results.means]
        assert all(row["trial"] in html.unescape(text) for row in results.means)


def test_the_page_needs_no_network(one_seed) -> None:
    text = render(one_seed)
    assert not re.search(r"https?:|//[a-z]+\.|@import|url\(", text)
    assert not {"src", "href", "srcset"} & {name for name, _ in Page(text).attributes}


def test_odd_studies_give_a_well_formed_page(odd) -> None:
    data = json.loads(Page(render(odd)).data)
    assert len(data["points"]) == len(odd.means)


def test_a_hostile_name_stays_text(make) -> None:
    text = render(make(factories.odd_studies()["hostile name"]))
    page = Page(text)
    assert text.count("</script>") == page.tags.count("script")
    assert json.loads(page.data)["points"][1]["name"] == "</script><b>&\"'{{ 7 * 7 }}"
    assert "49" not in re.findall(r"<th[^>]*>([^<]*)", text)


def test_no_trials_is_said(make) -> None:
    text = render(make([]))
    Page(text)
    assert "No trial has finished yet." in text


def test_the_same_results_give_the_same_page(three_seeds) -> None:
    assert render(three_seeds) == render(three_seeds)


def test_the_front_is_marked_in_the_table(one_seed) -> None:
    assert render(one_seed).count('<tr class="on-front">') == len(one_seed.front)


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
