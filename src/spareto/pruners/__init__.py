"""Weight pruners, one file each."""

from spareto.core.registry import Registry
from spareto.pruners._base import Pruner as Pruner
from spareto.pruners._masks import Scope as Scope
from spareto.pruners._masks import masks as masks

registry = Registry("spareto.pruners", Pruner, "pruner")
