"""Who proposes recipes, one file each."""

from spareto.core.registry import Registry
from spareto.study.search.samplers._base import LayerFacts as LayerFacts
from spareto.study.search.samplers._base import Outcome as Outcome
from spareto.study.search.samplers._base import Sampler as Sampler
from spareto.study.search.samplers._base import SearchTask as SearchTask

registry = Registry("spareto.study.search.samplers", Sampler, "sampler")
