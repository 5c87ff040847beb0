"""Quantize and prune the convolution and dense layers of any PyTorch network, by a recipe."""

from spareto.compression.beside import StoredBeside as StoredBeside
from spareto.compression.beside import stored_beside as stored_beside
from spareto.compression.calibration import calibrate as calibrate
from spareto.compression.compressing import begin_steps as begin_steps
from spareto.compression.compressing import compress as compress
from spareto.compression.compressing import store as store
from spareto.compression.fold import NotFoldedWarning as NotFoldedWarning
from spareto.compression.fold import fold_batch_norm as fold_batch_norm
from spareto.compression.folding import Folding as Folding
from spareto.compression.folding import plan_folding as plan_folding
from spareto.compression.footprints import Footprint as Footprint
from spareto.compression.footprints import footprint as footprint
from spareto.compression.parametrization import bake as bake
from spareto.compression.parametrization import compressed_weight as compressed_weight
from spareto.compression.parametrization import weight_bits as weight_bits
from spareto.compression.report import LayerReport as LayerReport
from spareto.compression.report import compression_report as compression_report
from spareto.compression.run import compress_and_train as compress_and_train
from spareto.compression.run import rehearse as rehearse
from spareto.compression.shrinking import shrink as shrink
from spareto.compression.widening import merge_duplicates as merge_duplicates
from spareto.compression.widening import squeeze as squeeze
from spareto.compression.widening import widen as widen
from spareto.compression.widening import widen_and_squeeze as widen_and_squeeze
