"""The energy table of the TCJA study, computed by this hardware model: network, array, mappings, fit."""

from spareto.hardware.published.tcja.costing import MappingChoice as MappingChoice
from spareto.hardware.published.tcja.costing import NetworkCost as NetworkCost
from spareto.hardware.published.tcja.costing import Point as Point
from spareto.hardware.published.tcja.costing import Study as Study
from spareto.hardware.published.tcja.costing import cost_network as cost_network
from spareto.hardware.published.tcja.network import Setting as Setting
