"""Data of a user's own: what a function of theirs returns, or a folder of files; never imports torch."""

from spareto.data.own.load import load_data as load_data
from spareto.data.own.load import load_own as load_own
from spareto.data.own.load import load_test_split as load_test_split
from spareto.data.own.splits import Split as Split
