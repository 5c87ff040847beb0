"""The event-driven engine of integer networks: numpy and C, no torch.

>>> from spareto.runtime import Engine                                              # doctest: +SKIP
>>> Engine.load("network.spareto").decide(frames).label                             # doctest: +SKIP
"""

from spareto.runtime.engine import Engine as Engine
from spareto.runtime.session import Decision as Decision
from spareto.runtime.session import Session as Session
