"""The report as one HTML file that needs nothing but a browser: styles, scripts and data stand inside it."""

from spareto.reports.page.document import render as render

__all__ = ["render"]
