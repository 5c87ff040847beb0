"""Networks that learn by local rules (STDP), without labels and without gradients."""

from spareto.plasticity.config import LocalStudy as LocalStudy
from spareto.plasticity.network import LocalNetwork as LocalNetwork
from spareto.plasticity.run import run_local_study as run_local_study
from spareto.plasticity.votes import assign as assign
