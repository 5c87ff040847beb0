"""Weight pruners, one file each."""

from spareto.core.registry import Registry
from spareto.pruners._base import Need as Need
from spareto.pruners._base import Pruner as Pruner
from spareto.pruners._base import PrunerEvidence as PrunerEvidence
from spareto.pruners._masks import Scope as Scope
from spareto.pruners._masks import draw as draw
from spareto.pruners._masks import masks as masks

registry = Registry("spareto.pruners", Pruner, "pruner")
