"""Figures for a paper: one file per figure, each a function from results to a matplotlib figure."""

from spareto.reports.figures.accelerators import accelerators_figure as accelerators_figure
from spareto.reports.figures.components import components_figure as components_figure
from spareto.reports.figures.formats import formats_figure as formats_figure
from spareto.reports.figures.front import front_figure as front_figure
from spareto.reports.figures.sparsity import sparsity_figure as sparsity_figure
