"""Figures for a paper and one self-contained HTML page, drawn from finished trials; never imports torch."""
