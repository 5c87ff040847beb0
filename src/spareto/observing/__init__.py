"""One observation of a network on a sample: every call, every operator between, who reads what."""

from spareto.observing.observation import Call as Call
from spareto.observing.observation import Observation as Observation
from spareto.observing.observation import Operation as Operation
from spareto.observing.observation import Value as Value
from spareto.observing.recorder import observe as observe
from spareto.observing.restoring import in_mode as in_mode
from spareto.observing.restoring import undisturbed as undisturbed
