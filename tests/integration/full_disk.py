"""A Postgres on a disk of its own that can really be full: a small tmpfs in a namespace, no root needed."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from ivr.adapters.runtime.ports import find_free_ports
from ivr.adapters.runtime.toolchain import get_postgres

SIZE = "96m"
START_S = 30.0
SCRIPT = """
mount -t tmpfs -o size={size} none {disk} && mkdir -m 700 {disk}/data || exit 3
unshare -U --map-user=1000 --map-group=1000 sh -c '
    {initdb} -D {disk}/data --username=ivr --auth=trust --wal-segsize=1 --encoding=UTF8 --locale=C.UTF-8 &&
    while :; do
        {postgres} -D {disk}/data -c port={port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=
        sleep 0.2
    done' >{disk}.log 2>&1 &
while read -r command; do eval "$command"; echo done; done
"""


class NoOwnDiskError(Exception):
    """This machine lets nobody but root have a file system of their own."""


class FullDisk:
    def __init__(self, process: subprocess.Popen[str], disk: Path, dsn: str) -> None:
        self._process = process
        self._disk = disk
        self.dsn = dsn

    def fill(self) -> None:
        """Not a byte is free any more."""
        self._tell(f"dd if=/dev/zero of={self._disk}/filler bs=4k 2>/dev/null")

    def free(self) -> None:
        self._tell(f"rm {self._disk}/filler")

    def _tell(self, command: str) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "done\n"


@contextmanager
def postgres_on_small_disk(disk: Path) -> Iterator[FullDisk]:
    """Postgres started again whenever it ends, as `ivr up` does. Raises NoOwnDiskError."""
    disk.mkdir()
    binaries, port = get_postgres(), find_free_ports().postgres
    script = SCRIPT.format(
        size=SIZE, disk=disk, port=port, initdb=binaries.program("initdb"), postgres=binaries.program("postgres")
    )
    process = subprocess.Popen(
        ["unshare", "-Urm", "sh", "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    dsn = f"postgresql://ivr@127.0.0.1:{port}/postgres"
    try:
        _wait(process, dsn)
        yield FullDisk(process, disk, dsn)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def _wait(process: subprocess.Popen[str], dsn: str) -> None:
    deadline = time.monotonic() + START_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            psycopg.connect(dsn, connect_timeout=2).close()
            return
        except psycopg.OperationalError:
            time.sleep(0.1)
    raise NoOwnDiskError(f"unshare ended with {process.poll()}")
