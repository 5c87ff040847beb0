"""Frozen, torch-free values that travel between the rooms, JSON both ways."""

from spareto.records.cost import ActionCost as ActionCost
from spareto.records.cost import Cost as Cost
from spareto.records.cost import LayerCost as LayerCost
from spareto.records.data import DataPlan as DataPlan
from spareto.records.recipe import LayerBits as LayerBits
from spareto.records.recipe import LayerFilter as LayerFilter
from spareto.records.recipe import LayerSparsity as LayerSparsity
from spareto.records.recipe import MembranePlan as MembranePlan
from spareto.records.recipe import PruneStep as PruneStep
from spareto.records.recipe import QuantizeStep as QuantizeStep
from spareto.records.recipe import Recipe as Recipe
from spareto.records.recipe import SchedulePlan as SchedulePlan
from spareto.records.training import OptimizerPlan as OptimizerPlan
from spareto.records.training import TrainingPlan as TrainingPlan
from spareto.records.training import UpdatePlan as UpdatePlan
from spareto.records.trial import LayerSummary as LayerSummary
from spareto.records.trial import Manifest as Manifest
from spareto.records.trial import Trial as Trial
from spareto.records.workload import FreeLayer as FreeLayer
from spareto.records.workload import Layer as Layer
from spareto.records.workload import Mask as Mask
from spareto.records.workload import Neuron as Neuron
from spareto.records.workload import Numbers as Numbers
from spareto.records.workload import Product as Product
from spareto.records.workload import Tensor as Tensor
from spareto.records.workload import Workload as Workload
