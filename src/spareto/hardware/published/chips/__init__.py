"""Published measurements of real chips, and what the model says of the same networks."""

from spareto.hardware.published.chips.compare import Comparison as Comparison
from spareto.hardware.published.chips.compare import Outcome as Outcome
from spareto.hardware.published.chips.compare import SlopeComparison as SlopeComparison
from spareto.hardware.published.chips.compare import compare as compare
from spareto.hardware.published.chips.rows import Measurements as Measurements
from spareto.hardware.published.chips.rows import load_measurements as load_measurements
