"""Compile the C kernels into the wheel when spareto is installed; without a compiler it is pure Python."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface  # pyright: ignore
from packaging.tags import platform_tags

BUILD = Path("src") / "spareto" / "native" / "build.py"


class KernelsHook(BuildHookInterface):
    """Puts one library an instruction set into the wheel and tags it `py3-none-<platform>`.

    The libraries need neither Python nor torch headers, so one wheel serves all their versions.
    Editable installs compile on first use instead.
    """

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called before the wheel is packed; `version` is `standard` or `editable`."""
        if self.target_name != "wheel" or version != "standard":
            return
        build = _load(Path(self.root) / BUILD)
        libraries: list[Path] = []
        try:
            for kit, room in ((build.KERNELS, "kernels"), (build.RUNTIME, "runtime")):
                for library in build.build_all(Path(self.root) / "build" / room, kit):
                    libraries.append(library)
                    for name in (library.name, library.name + build.DIGEST):
                        build_data["force_include"][str(library.with_name(name))] = (
                            f"spareto/{room}/lib/{name}"
                        )
        except build.CompileError as error:
            self.app.display_warning(f"spareto: the C kernels are left out ({error}); slower ones will run.")
            return
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform_tag(libraries)}"


def platform_tag(libraries: list[Path]) -> str:
    """The oldest platform on which the libraries load: what installers compare with their machine.

    Under glibc that of the newest symbol they ask for, `manylinux_2_17` at least; elsewhere (musl, macOS) the
    machine they were compiled on. Libraries that name an OpenMP runtime run on machines like this one only.
    """
    content = b"".join(library.read_bytes() for library in libraries)
    tags = list(platform_tags())
    plain = next((tag for tag in tags if tag.startswith("linux_")), None)
    if plain and re.search(rb"lib[gi]?omp\d*[-\w]*\.so", content):
        return plain
    here = next((tag for tag in tags if tag != plain), tags[0])
    if not here.startswith("manylinux"):
        return here
    newest = max((int(minor) for minor in re.findall(rb"GLIBC_2\.(\d+)", content)), default=0)
    return f"manylinux_2_{max(newest, 17)}_{str(plain).removeprefix('linux_')}"


def _load(path: Path) -> ModuleType:
    """A module by its path, for spareto is not installed yet."""
    spec = importlib.util.spec_from_file_location("spareto_kernels_build", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path}: got no module; expected the build script of the kernels.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its data classes look themselves up there
    spec.loader.exec_module(module)
    return module
