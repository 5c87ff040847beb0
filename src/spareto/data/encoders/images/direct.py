"""Direct coding: the image itself at every timestep."""

from __future__ import annotations

from typing_extensions import override

from spareto.data._base import Frames, ImageEncoder, SplitName


class DirectCoding(ImageEncoder):
    """Grey values 0..255 as analog input; the first layer of the network turns them into spikes.

    Reference:
        rueckauer2017: analog input currents.
    """

    @override
    def encode(self, pixels: Frames, timesteps: int, split: SplitName) -> Frames:
        return pixels[None]
