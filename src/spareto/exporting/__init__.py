"""Networks of ours as code and weights for snnTorch, SpikingJelly, Norse and sinabs."""

from spareto.exporting._export import ExportedNetwork as ExportedNetwork
from spareto.exporting._export import export_to as export_to
from spareto.exporting._export import registry as registry
