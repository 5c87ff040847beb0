"""Epitomes on crossbars: a published network as shapes, and what bits and epitomes save of its crossbars.

Reference:
    wang2024epim
"""

from spareto.reproduction.epim.network import Shape as Shape
from spareto.reproduction.epim.network import resnet50 as resnet50
from spareto.reproduction.epim.savings import Factors as Factors
from spareto.reproduction.epim.savings import factors as factors
