"""x"""
from spareto.lowering.lower import Lowered as Lowered
from spareto.lowering.lower import lower as lower
from spareto.lowering.module import IntegerModule as IntegerModule
