"""Temporary files: what the system refuses is an error that names their folder."""

import errno
import os
import tempfile
from pathlib import Path

import numpy as np
import pytest

from spareto.core.errors import StoreError
from spareto.core.scratch import scratch_file, scratch_folder, scratch_room
from spareto.study.executors._sharing import share

resource = pytest.importorskip("resource")


@pytest.mark.parametrize("make", [scratch_file, scratch_folder, lambda: share(np.zeros(10))])
def test_a_folder_that_is_gone(monkeypatch, tmp_path, make):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(StoreError, match="gone: got no such file"):
        make()


def test_a_folder_inside_one_that_is_gone(tmp_path):
    with pytest.raises(StoreError, match="gone: got no such file"):
        scratch_folder(tmp_path / "gone")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EFBIG, errno.EROFS, errno.EDQUOT])
def test_what_the_system_says_is_said_with_the_folder(monkeypatch, tmp_path, number):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(StoreError, match=str(tmp_path)), scratch_room():
        raise OSError(number, os.strerror(number))


def test_data_of_a_pool_for_which_there_is_no_room():
    child = os.fork()
    if not child:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        try:
            share(np.zeros(1000))
        except StoreError as error:
            os._exit(0 if tempfile.gettempdir() in str(error) and "Make room" in str(error) else 2)
        except BaseException:
            os._exit(3)
        os._exit(4)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_what_is_made_goes_again():
    with scratch_folder() as name:
        assert Path(name).is_dir()
    assert not Path(name).exists()
