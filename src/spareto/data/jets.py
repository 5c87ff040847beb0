"""The LHC jets of hls4ml: sixteen features of a jet, five kinds of particle it came from."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from spareto.core.errors import DataError, Problem, SparetoError
from spareto.core.extras import imported
from spareto.core.hdf5 import check_heaps, check_lengths
from spareto.data.folder import require

FEATURES: Final = (
    *("j_zlogz", "j_c1_b0_mmdt", "j_c1_b1_mmdt", "j_c1_b2_mmdt", "j_c2_b1_mmdt", "j_c2_b2_mmdt"),
    *("j_d2_b1_mmdt", "j_d2_b2_mmdt", "j_d2_a1_b1_mmdt", "j_d2_a1_b2_mmdt", "j_m2_b1_mmdt", "j_m2_b2_mmdt"),
    *("j_n2_b1_mmdt", "j_n2_b2_mmdt", "j_mass_mmdt", "j_multiplicity"),
)
CLASSES: Final = ("j_g", "j_q", "j_w", "j_z", "j_t")
"""Gluon, light quark, W boson, Z boson, top quark."""

ORIGIN: Final = "https://zenodo.org/records/3602254 (hls4ml LHC jet dataset, 100 particles, CC BY 4.0)"
CURE: Final = f"Get hls4ml_LHCjet_100p_train.tar.gz and ..._val.tar.gz from {ORIGIN} and unpack them there."
MOST_UNPACKED: Final = 1032
"""Bytes that zlib makes of one byte at most."""

Floats = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]


def read_jets(folder: str | Path) -> tuple[Floats, Labels]:
    """All jets in the HDF5 files of a folder, or of one file, jets that occur twice once.

    Both published layouts are known: a table `jets` with its columns named in `jetFeatureNames`, and one
    table `t_allpar_new` whose columns have names.

    Args:
        folder: Where the `.h5` files are, or one of them.

    Returns:
        Features `(jets, 16)` in the order of `FEATURES`, and the class of each jet, 0..4.

    Raises:
        DataError: There is no such file, or it is not laid out so; the message says where to get them.
        MissingDependency: h5py is not installed.

    Reference:
        pierini2020: the data; hawks2021 (Ps and Qs) trains on them.
    """
    folder = require(Path(folder), "HDF5 files of jets", CURE)
    files = sorted(folder.glob("*.h5")) if folder.is_dir() else [folder]
    if not files:
        raise DataError(Problem(str(folder), "no .h5 file", "HDF5 files of jets", CURE))
    table = np.unique(np.concatenate([_columns(path) for path in files]), axis=0)
    return table[:, : len(FEATURES)], table[:, len(FEATURES) :].argmax(1).astype(np.int64)


def _columns(path: Path) -> Floats:
    """Features and one-hot classes of one file, shape `(jets, 21)`."""
    try:
        table = _table(path, (*FEATURES, *CLASSES))
    except SparetoError:
        raise
    except (OSError, RuntimeError, ValueError, TypeError, KeyError, AttributeError, MemoryError) as error:
        got = f"data that cannot be read ({' '.join(str(error).split())[:80]})"
        raise _malformed(path, got) from None
    if not np.isfinite(table).all():
        raise _malformed(path, "values that are not finite")
    hot = table[:, len(FEATURES) :]
    if not ((hot == 0) | (hot == 1)).all() or not (hot.sum(1) == 1).all():
        raise _malformed(path, "jets that are not of exactly one class")
    return table


def _table(path: Path, wanted: tuple[str, ...]) -> Floats:
    with _opened(path) as file, np.errstate(all="ignore"):
        columns = _named(file, path)
        missing = [name for name in wanted if name not in columns]
        if missing:
            raise _malformed(path, f"no column {', '.join(missing)}")
        return np.stack([np.asarray(columns[name], np.float32) for name in wanted], axis=1)


def _whole(file: Any, name: str, path: Path) -> Any:
    """A data set that declares no more than can be packed into its file."""
    declared, size = int(file[name].nbytes), path.stat().st_size
    if declared > MOST_UNPACKED * size:
        raise _malformed(path, f"a data set '{name}' of {declared:,} bytes in a file of {size:,}")
    check_lengths(path, file[name])
    return file[name][()]


def _named(file: Any, path: Path) -> dict[str, Any]:
    """Columns by name, in either layout."""
    if "t_allpar_new" in file:
        table = _whole(file, "t_allpar_new", path)
        return {name: table[name] for name in table.dtype.names or ()}
    if "jets" not in file or "jetFeatureNames" not in file:
        raise _malformed(path, f"the data sets {', '.join(sorted(file)) or 'none'}")
    names = [
        name.decode() if isinstance(name, bytes) else str(name)
        for name in _whole(file, "jetFeatureNames", path)
    ]
    table = _whole(file, "jets", path)
    if table.ndim != 2 or table.shape[1] != len(names):
        raise _malformed(path, f"a table of shape {table.shape} and {len(names)} names")
    return {name: table[:, place] for place, name in enumerate(names)}


def _opened(path: Path) -> Any:
    cure = "pip install 'spareto[jets]'"
    h5py = imported("h5py", "h5py", "not installed", "h5py, to read HDF5", cure)
    try:
        check_heaps(path)
        return h5py.File(path, "r")
    except (OSError, ValueError):
        raise _malformed(path, "a file that is not HDF5, or damaged") from None


def _malformed(path: Path, got: str) -> DataError:
    rule = "the data set 'jets' and its 'jetFeatureNames', or 't_allpar_new', with 16 features and 5 classes"
    return DataError(Problem(str(path), got, rule, CURE))
