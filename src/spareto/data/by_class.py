"""Recordings in one folder per class, which nobody has published a split of: ours is drawn."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field
from typing_extensions import override

from spareto.core.artifacts import folder_there
from spareto.core.bounds import Seed
from spareto.core.config import Rule
from spareto.core.errors import ConfigError, DataError, Problem
from spareto.data._base import SplitName
from spareto.data.folder import Root, data_folder, where_to_put
from spareto.data.readers import Disorder
from spareto.data.recorded import RecordedDataset, Recording

TestShare = Annotated[float, Field(gt=0, lt=1), Rule("a share above 0 and below 1")]


class DrawnSplit(RecordedDataset):
    """A share of each class, drawn by `seed`, is for testing; the rest is for training.

    Args:
        root: Folder that holds one folder per class, or holds them in a folder of the set's name; left out,
            the data folder of this machine.
        test_share: Share of each class that is for testing; left out, that of the set.
        seed: Draws which.
        disorder: Refuse a file whose times run back, or sort its events.

    Attributes:
        origin: Where to get it, and how to unpack it.
        folders: Where the folders of classes may be below `root`, the usual place last.
        inside: What the right one of these holds.
        suffixes: How its files end, the first that any file has.
        share: Share of each class that is for testing unless another is asked for.
    """

    origin: ClassVar[str]
    folders: ClassVar[tuple[str, ...]]
    inside: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]]
    share: ClassVar[float] = 0.1

    def __init__(
        self,
        *,
        root: Root = None,
        test_share: TestShare | None = None,
        seed: Seed = 0,
        disorder: Disorder = "refuse",
    ) -> None:
        super().__init__(disorder)
        places = [data_folder(root) / folder for folder in self.folders]
        self.root = next((place for place in places if folder_there(place / self.inside)), places[-1])
        self.test_share, self.seed = self.share if test_share is None else test_share, seed
        self._cure = where_to_put(self.root, self.origin)

    @abstractmethod
    def labels(self) -> Sequence[str]:
        """The folders of the classes, in the order of the classes' numbers.

        Raises:
            DataError: They are not as they should be.
        """

    @override
    def recordings(self, name: SplitName) -> Sequence[Recording]:
        found: list[Recording] = []
        for label, folder in enumerate(self._folders()):
            files = self._files(folder)
            taken = round(self.test_share * len(files))
            if not 0 < taken < len(files):
                got = f"{self.test_share:g} of {len(files)} recordings of class {label}"
                raise ConfigError(Problem("data.options.test_share", got, "some in either split"))
            drawn = np.random.default_rng([self.seed, label]).permutation(len(files))[:taken]
            held_out = {files[index] for index in drawn}
            found += [Recording(path, label) for path in files if (path in held_out) == (name == "test")]
        return found

    def _folders(self) -> list[Path]:
        labels = self.labels()
        missing = [name for name in labels if not folder_there(self.root / name)]
        if missing:
            shown = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
            got = "no such file or folder" if len(missing) == len(labels) else f"no folder {shown}"
            raise DataError(
                Problem(str(self.root), got, f"a folder for each of {len(labels)} classes", self._cure)
            )
        return [self.root / name for name in labels]

    def _files(self, folder: Path) -> list[Path]:
        """Every file with one of the endings, sorted."""
        for suffix in self.suffixes:
            found = sorted(path for path in folder.rglob(f"*{suffix}") if not path.name.startswith("."))
            if found:
                return found
        rule = f"files that end with {' or '.join(self.suffixes)}"
        raise DataError(Problem(str(folder), "none", rule, self._cure))
