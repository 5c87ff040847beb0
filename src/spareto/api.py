"""The story on one page: study and report."""

from __future__ import annotations

from spareto.study.run import run_study as run_study
