"""A PostgreSQL server of a test's own: Debian's binaries, a socket of its own, gone behind the block."""

import os
import pwd
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

USERS = ("postgres", "nobody")


def binaries():
    """The folder of the newest server here, or None."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


def skip_without_server():
    pytest.importorskip("psycopg", reason="needs the extra 'postgresql'")
    if binaries() is None:
        pytest.skip("no PostgreSQL server is installed (Debian: apt-get install postgresql)")
    if os.getuid() == 0 and user() is None:
        pytest.skip("PostgreSQL refuses to run as root, and there is no other user")


def user():
    """Who runs the server: we, or another user where we are root, whom it refuses."""
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in USERS if name in known), None) if os.getuid() == 0 else None


@contextmanager
def serving(connections=100):
    """URL of a database that nobody else has."""
    with tempfile.TemporaryDirectory(prefix="pg", dir="/tmp", ignore_cleanup_errors=True) as name:
        folder, who = Path(name), user()
        if who is not None:
            shutil.chown(folder, who)
        options = f"-k {folder} -c listen_addresses= -c fsync=off -c max_connections={connections}"

        def call(command, *arguments):
            done = subprocess.run(
                [binaries() / command, "-D", folder / "data", *arguments],
                user=who, cwd=folder, env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr

        call("initdb", "-U", "tester", "-A", "trust", "--no-sync")
        call("pg_ctl", "-w", "-o", options, "-l", folder / "log", "start")
        try:
            yield f"postgresql://tester@/postgres?host={folder}"
        finally:
            call("pg_ctl", "-m", "immediate", "stop")
