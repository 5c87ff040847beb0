"""Readers of files refuse in our own words, whatever the file holds; `make fuzz` tries far more."""

import logging

import pytest

from fuzz.readers import READERS
from fuzz.run import fuzz


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", READERS)
def test_a_mutated_file_is_read_or_refused(name, tmp_path):
    logging.disable(logging.CRITICAL)
    try:
        assert fuzz(READERS[name], 60, 0, tmp_path) == []
    finally:
        logging.disable(logging.NOTSET)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", READERS)
def test_many_mutated_files_are_read_or_refused(name, tmp_path):
    logging.disable(logging.CRITICAL)
    try:
        assert fuzz(READERS[name], 2000, 1, tmp_path) == []
    finally:
        logging.disable(logging.NOTSET)
