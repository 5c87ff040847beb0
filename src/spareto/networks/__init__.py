"""Networks, one file each: `build("conv", sensor=(2, 34, 34), classes=10)`."""

from spareto.networks._base import Network as Network
from spareto.networks._build import build as build
from spareto.networks._build import names as names
from spareto.networks._build import registry as registry
