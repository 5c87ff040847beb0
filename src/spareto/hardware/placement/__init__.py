"""Where layers lie on the cores of a chip, and how far their spikes travel."""

from spareto.hardware.placement.boxes import Slices as Slices
from spareto.hardware.placement.boxes import slices as slices
from spareto.hardware.placement.placed import Placed as Placed
from spareto.hardware.placement.placed import Placement as Placement
from spareto.hardware.placement.placed import place as place
from spareto.hardware.placement.placed import spans as spans
from spareto.hardware.placement.routes import Route as Route
from spareto.hardware.placement.routes import links as links
from spareto.hardware.placement.routes import route as route
