"""Follow the channels of layers through a network: which operation, norm or layer reads which of them."""

from spareto.compression.following.arrivals import Arrival as Arrival
from spareto.compression.following.arrivals import Followed as Followed
from spareto.compression.following.arrivals import channels as channels
from spareto.compression.following.follower import follow as follow
