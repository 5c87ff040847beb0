"""How a network of any framework is run on data of any layout, and what its answer is."""

from spareto.running.arrays import data_of as data_of
from spareto.running.arrays import from_arrays as from_arrays
from spareto.running.interface import How as How
from spareto.running.interface import Interface as Interface
from spareto.running.interface import Time as Time
from spareto.running.interface import Vote as Vote
from spareto.running.interface import interface_of as interface_of
from spareto.running.labels import labels_of as labels_of
from spareto.running.runner import Runner as Runner
from spareto.running.runner import check_label as check_label
from spareto.running.runner import device_of as device_of
from spareto.running.runner import dtype_of as dtype_of
from spareto.running.runner import refuse_no_module as refuse_no_module
from spareto.running.samples import Layout as Layout
from spareto.running.samples import Samples as Samples
from spareto.running.samples import samples_of as samples_of
