"""A real browser, the machine's own Chromium; skipped, with the reason, where there is none."""

import shutil
from dataclasses import dataclass, field

import pytest

import factories
from spareto.core.artifacts import canonical_json
from spareto.hardware import load_accelerator
from spareto.records.details import (
    EpochPoint,
    NeuronSilence,
    SampleView,
    SpikeRaster,
    TrialDetails,
    WeightHistogram,
)
from spareto.reports.page import render
from spareto.reports.results import StudyResults
from spareto.reports.sources import Judge
from spareto.study.front import front, front_rows, hypervolume, knee, mean_rows

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
META = {
    "study": "demo",
    "network": "conv",
    "dataset": "digits",
    "test_samples": "898",
    "accelerator_data": canonical_json(load_accelerator("eyeriss_like").to_dict()),
}
DETAILS = TrialDetails(
    epochs=tuple(EpochPoint(epoch=n, loss=1 / n, learning_rate=0.01, accuracy=1 - 1 / n) for n in (1, 2, 3)),
    confusion=((30, 2), (1, 33)),
    weights=(
        WeightHistogram(
            name="conv1",
            low=-1,
            high=1,
            before=(3, 9, 9, 3),
            after=(0, 4, 5, 0),
            zeros=15,
            levels=(-0.4, 0, 0.4),
        ),
    ),
    silence=(NeuronSilence(name="conv1", neurons=64, silent=3),),
    samples=(
        SampleView(
            index=4,
            label=1,
            frames=("0120", "3000"),
            height=2,
            width=2,
            answers=((0.5, 0.5), (0.2, 0.8)),
            rasters=(SpikeRaster(name="conv1", neurons=64, shown=(1, 2, 9), spikes=("1.1", ".1.")),),
        ),
    ),
)


class Files:
    """Of every trial the same details, a path, and no workload."""

    def workload(self, trial):
        return None

    def details(self, trial):
        return DETAILS

    def network(self, trial):
        return "runs/demo/networks/it's one.safetensors"

    def workload_path(self, trial):
        return "runs/demo/workloads/another name.json"

    def where(self):
        return "runs/demo"


@pytest.fixture(scope="session")
def browser():
    """Chromium without a window."""
    path = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip(f"no browser on this machine: none of {', '.join(BROWSERS)}")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as running:
        started = running.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield started
        started.close()


@dataclass
class Opened:
    """A page in the browser, with everything it complained about or asked for."""

    page: object
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def js(self, text: str):
        return self.page.evaluate(text)

    def wait(self, text: str, seconds: int = 60) -> None:
        """Until `text` is true; asked from outside, for the page's policy forbids it to evaluate text."""
        for _ in range(20 * seconds):
            if self.js(text):
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"not true after {seconds} s: {text}")

    def draw_all(self) -> None:
        """Scroll through the page, so that every view is drawn."""
        for view in ("front", "point", "layers", "formats", "hardware", "compare", "provenance"):
            self.page.click(f'.views a[href="#{view}"]')
        self.page.wait_for_timeout(100)

    def clean(self) -> bool:
        assert self.complaints == []
        assert self.requests == []
        return True


@pytest.fixture(scope="session")
def opened(browser, tmp_path_factory):
    """Opens a page of some results: a function of results, width, scheme and address fragment."""
    folder, contexts, written = tmp_path_factory.mktemp("pages"), [], {}

    def go(source, *, width=1280, scheme="light", fragment="") -> Opened:
        path = source
        if isinstance(source, StudyResults):
            path = written.setdefault(id(source), folder / f"{len(written)}.html")
            if not path.exists():
                path.write_text(render(source), encoding="utf-8")
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        context.set_default_timeout(120_000)  # where many tests run at once
        page = context.new_page()
        made = Opened(page)
        page.on("console", lambda m: m.type in ("error", "warning") and made.complaints.append(m.text))
        page.on("pageerror", lambda error: made.complaints.append(str(error)))
        page.on("dialog", lambda dialog: made.complaints.append(dialog.message))
        page.on("request", lambda r: r.url.startswith(("http", "ws")) and made.requests.append(r.url))
        page.goto(path.as_uri() + fragment, timeout=120_000)
        if page.query_selector("#data"):
            made.wait("document.documentElement.dataset.ready === 'yes'", seconds=120)
        return made

    yield go
    for context in contexts:
        context.close()


def results_of(trials, meta=META) -> StudyResults:
    judge = Judge(front, knee, hypervolume)
    return StudyResults(trials, front_rows(trials), mean_rows(trials), meta, Files(), judge)


@pytest.fixture(scope="session")
def make():
    return results_of


@pytest.fixture(scope="session")
def seeds(make) -> StudyResults:
    """A study with three seeds, of which one failed for one recipe."""
    return make(factories.study(seeds=3)[:-1])


@pytest.fixture(scope="session")
def shown(opened, seeds):
    """One page for the tests that leave it as good as they found it."""
    return opened(seeds)


@pytest.fixture(scope="session")
def many(make) -> StudyResults:
    """Five thousand points of one seed."""
    base = factories.study()[1:]
    trials = [factories.trial(factories.recipe())]
    for place in range(5000 - 1):
        model = base[place % len(base)]
        name = f"point {place}"
        recipe = model.recipe.model_copy(
            update={"name": name, "training": model.recipe.training.replace(weight_decay=place * 1e-9)}
        )
        accuracy = max(0.0, model.accuracy - (place % 97) / 898)
        trials.append(model.model_copy(update={"recipe": recipe, "accuracy": accuracy}))
    return make(trials)
