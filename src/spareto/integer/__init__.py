"""The integer network: what is computed, to the bit, wherever it runs. Numpy only.

A lowered network is a list of nodes over integers (`network.py`). `arithmetic.py` and `neuron.py` decide
every rounding; `reference.py` runs the nodes in plain numpy; `intervals.py` proves which widths suffice.
Everything else that runs such a network is held to the reference: torch, the C engine, exported C.
"""

from spareto.integer.arithmetic import rounded as rounded
from spareto.integer.arithmetic import saturated as saturated
from spareto.integer.intervals import Bounds as Bounds
from spareto.integer.intervals import bounds as bounds
from spareto.integer.network import Adaptation as Adaptation
from spareto.integer.network import Attention as Attention
from spareto.integer.network import Current as Current
from spareto.integer.network import Feedback as Feedback
from spareto.integer.network import IntegerLayer as IntegerLayer
from spareto.integer.network import IntegerNetwork as IntegerNetwork
from spareto.integer.network import IntegerNeuron as IntegerNeuron
from spareto.integer.network import Join as Join
from spareto.integer.network import Node as Node
from spareto.integer.network import Pool as Pool
from spareto.integer.network import Synapses as Synapses
from spareto.integer.reference import Reference as Reference
