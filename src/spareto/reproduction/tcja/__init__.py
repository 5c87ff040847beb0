"""The energy table of the TCJA study, computed by this hardware model: network, array, mappings, fit."""

from spareto.reproduction.tcja.network import StudyPoint as StudyPoint
from spareto.reproduction.tcja.network_cost import MappingChoice as MappingChoice
from spareto.reproduction.tcja.network_cost import NetworkCost as NetworkCost
from spareto.reproduction.tcja.network_cost import Point as Point
from spareto.reproduction.tcja.network_cost import Study as Study
from spareto.reproduction.tcja.network_cost import cost_network as cost_network
