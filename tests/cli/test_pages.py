"""A study's page grows while the study runs, at a bounded rate, and never stops it."""

import pytest

import factories
from spareto.cli import pages
from spareto.cli.pages import StudyPages
from spareto.study.listener import StudyListener
from spareto.study.store import STORE_NAME, TrialStore


class Heard(StudyListener):
    def __init__(self):
        self.trials, self.notes = [], []

    def trial_ends(self, trial, *, reused):
        self.trials.append((trial, reused))

    def noted(self, notes):
        self.notes += notes


@pytest.fixture
def trial(tmp_path):
    made = factories.study()[0]
    with TrialStore(tmp_path / STORE_NAME) as store:
        store.put("0", made)
    return made


def test_a_page_stands_after_the_first_trial(tmp_path, trial):
    heard = Heard()
    StudyPages(tmp_path, heard).trial_ends(trial, reused=False)
    assert (tmp_path / "report.html").is_file()
    assert heard.trials == [(trial, False)]


def test_pages_are_far_apart_and_stored_trials_write_none(tmp_path, trial, monkeypatch):
    written, now = [], [0.0]
    monkeypatch.setattr(pages.time, "monotonic", lambda: now[0])
    told = StudyPages(tmp_path, Heard())
    monkeypatch.setattr(told, "_write", lambda: (written.append(now[0]), now.__setitem__(0, now[0] + 6.0)))
    told.trial_ends(trial, reused=True)
    for moment in (0.0, 30.0, 100.0, 125.9, 126.0):  # a page takes 6 s: 5 % of 120 s
        now[0] = moment
        told.trial_ends(trial, reused=False)
    assert written == [0.0, 126.0]


def test_a_page_that_cannot_be_written_is_said(tmp_path, trial):
    (tmp_path / "report.html").mkdir()
    heard = Heard()
    StudyPages(tmp_path, heard).trial_ends(trial, reused=False)
    assert len(heard.trials) == 1
    assert heard.notes[0].startswith("No report page yet: ")
