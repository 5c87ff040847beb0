"""Published measurements of real chips, and what the model says of the same networks."""

from spareto.reproduction.chips.comparison import Comparison as Comparison
from spareto.reproduction.chips.comparison import Comparisons as Comparisons
from spareto.reproduction.chips.comparison import SlopeComparison as SlopeComparison
from spareto.reproduction.chips.comparison import compare as compare
from spareto.reproduction.chips.rows import Measurements as Measurements
from spareto.reproduction.chips.rows import load_measurements as load_measurements
