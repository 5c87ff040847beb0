"""The report as one HTML file that needs nothing but a browser: styles, scripts and data stand inside it."""

from spareto.reports.page.render import render as render

__all__ = ["render"]
