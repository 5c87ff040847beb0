"""Feature-map reconstruction: channels go whose maps are missed least."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor
from typing_extensions import override

from spareto.pruners._base import Need, Pruner, PrunerEvidence, Unit


class ReconstructionPruner(Pruner):
    """Output channels without which the layer's feature maps are reconstructed with the least error go.

    A channel that is gone leaves a map of zeros, so its error is the mean square of its map. Shares of the
    layer's whole mean square are compared, so that loud layers are not preferred where all are ranked.

    Reference:
        he2017, section 3.1, chooses channels by this error; the weights that stay are not fitted again here.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({"responses"})
    unit: ClassVar[Unit] = "channel"

    @override
    def scores(self, weights: Mapping[str, Tensor], evidence: PrunerEvidence) -> dict[str, Tensor]:
        return {name: _shares(evidence.responses[name]) for name in weights}


def _shares(responses: Tensor) -> Tensor:
    """Each channel's mean square over their mean; 0 in a layer that answers nothing."""
    mean = float(responses.mean())
    return responses / mean if mean > 0 else responses
