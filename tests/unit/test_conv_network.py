"""The convolutional network and its parts."""

import pytest
import torch
from torch import nn

from spareto.core.errors import ConfigError
from spareto.layers.over_time import OverTime
from spareto.networks import build
from spareto.networks._vote import vote


@pytest.mark.parametrize(
    ("side", "channels", "kernel", "stride"),
    [
        (8, (3, 4), 3, 1),
        (9, (3, 4), 5, 1),
        (34, (2, 2, 2), 3, 2),
        (7, (2,), 1, 3),
        (4, (2, 2), 3, 1),
        (5, (), 3, 1),
    ],
)
def test_any_sensor_and_depth_fit_together(side, channels, kernel, stride):
    torch.manual_seed(0)
    sensor = (2, side, side + 3)
    network = build(
        "conv", sensor=sensor, classes=3, channels=channels, kernel=kernel, stride=stride, votes=4
    )
    assert network(torch.rand(2, 5, *sensor)).shape == (5, 3)


def test_what_cannot_fit_is_refused():
    with pytest.raises(ConfigError, match=r"'conv'.kernel: got 4; expected an odd number below 256."):
        build("conv", sensor=(2, 6, 40), classes=2, channels=(4, 4, 4), kernel=4)
    with pytest.raises(ConfigError) as error:
        build("conv", sensor=(2, 6, 40), classes=2, channels=(4, 4, 4))
    assert str(error.value).splitlines() == [
        "network 'conv'.channels: got 3 blocks; expected few enough to leave one of 6 pixels. "
        "Use fewer channels, or a smaller stride.",
    ]


def test_votes_are_the_mean_over_time_and_over_a_classs_neighbours():
    spikes = torch.zeros(4, 1, 6)
    spikes[:2, 0, 0] = 1  # class 0: one of three voters, half of the time
    spikes[:, 0, 3:] = 1  # class 1: always
    assert vote(spikes, 2).tolist() == [[pytest.approx(1 / 6), 1.0]]


def test_layers_over_time_see_every_frame_alone():
    layer = nn.Conv2d(2, 3, 3)
    frames = torch.rand(4, 5, 2, 6, 6)
    together = OverTime(layer)(frames)
    assert together.shape == (4, 5, 3, 4, 4)
    for t in range(4):
        torch.testing.assert_close(together[t], layer(frames[t]))
