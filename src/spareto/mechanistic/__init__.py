"""ODEs solved by banded least squares, inside networks and for finding equations (S-MNN)."""

from spareto.mechanistic.discovery import Discovery as Discovery
from spareto.mechanistic.discovery import Term as Term
from spareto.mechanistic.discovery import discover as discover
from spareto.mechanistic.layer import Mechanistic as Mechanistic
from spareto.mechanistic.neurons import NeuronEquation as NeuronEquation
from spareto.mechanistic.neurons import discover_neuron as discover_neuron
from spareto.mechanistic.solver import solve_ode as solve_ode
from spareto.mechanistic.system import RowWeights as RowWeights
