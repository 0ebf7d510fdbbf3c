"""Every path of a running system, in one place (docs/architecture.md, "Folders at run time")."""

from __future__ import annotations

import os
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ivr.errors import OperatorError

if TYPE_CHECKING:
    from ivr.adapters.runtime.process import Account

SOCKET_PATH_LIMIT = 107
"""Longest path of a Unix socket: Asterisk's control socket is in var/asterisk/run."""
MINIMUM_FREE_BYTES = 200 * 2**20
"""Below this a call centre cannot promise to keep recordings and its journal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The folders under `var`. Nothing is created until `create`."""

    var: Path

    @property
    def run(self) -> Path:
        return self.var / "run"

    @property
    def up_lock(self) -> Path:
        return self.run / "up.lock"

    @property
    def ports_file(self) -> Path:
        return self.run / "ports.json"

    @property
    def workers_file(self) -> Path:
        return self.run / "workers.json"

    def worker_socket(self, name: str) -> Path:
        """Where a process of ours answers what it is asked."""
        return self.run / f"{name}.sock"

    @property
    def leader_lock(self) -> Path:
        """Held by the controller that does what only one may do."""
        return self.run / "leader.lock"

    @property
    def change_lock(self) -> Path:
        """Held while dialplans are made live or leave."""
        return self.run / "change.lock"

    @property
    def clock(self) -> Path:
        return self.run / "clock"

    @property
    def emergencies(self) -> Path:
        return self.var / "emergencies.jsonl"

    def pid_file(self, name: str) -> Path:
        return self.run / f"{name}.pid"

    @property
    def secrets(self) -> Path:
        return self.var / "secrets"

    @property
    def seal_key(self) -> Path:
        return self.secrets / "seal.key"

    @property
    def centre_keys(self) -> Path:
        """One key a centre, which opens those in `keys`."""
        return self.secrets / "centres"

    @property
    def keys(self) -> Path:
        """Keys of recordings and of days, wrapped; what is destroyed when its time is over."""
        return self.var / "keys"

    @property
    def recordings_token(self) -> Path:
        return self.secrets / "recordings.token"

    @property
    def agents_file(self) -> Path:
        return self.secrets / "agents.json"

    @property
    def control_token(self) -> Path:
        return self.secrets / "control.token"

    @property
    def versions(self) -> Path:
        return self.var / "versions"

    @property
    def asterisk(self) -> Path:
        return self.var / "asterisk"

    @property
    def asterisk_etc(self) -> Path:
        return self.asterisk / "etc"

    @property
    def asterisk_conf(self) -> Path:
        return self.asterisk_etc / "asterisk.conf"

    @property
    def asterisk_log(self) -> Path:
        return self.asterisk / "log"

    @property
    def asterisk_lib(self) -> Path:
        return self.asterisk / "lib"

    @property
    def asterisk_data(self) -> Path:
        return self.asterisk / "data"

    @property
    def asterisk_spool(self) -> Path:
        return self.asterisk / "spool"

    @property
    def asterisk_run(self) -> Path:
        return self.asterisk / "run"

    @property
    def journal(self) -> Path:
        return self.asterisk_log / "cel-custom" / "journal.csv"

    @property
    def recordings(self) -> Path:
        return self.var / "recordings"

    @property
    def prompts(self) -> Path:
        return self.var / "prompts"

    @property
    def spoken(self) -> Path:
        """Prompts joined for one caller."""
        return self.run / "spoken"

    @property
    def local_agi(self) -> Path:
        """What Asterisk runs for a call that no controller answers."""
        return self.asterisk_data / "agi-bin" / "ivr-local"

    @property
    def postgres(self) -> Path:
        return self.var / "postgres"

    @property
    def log(self) -> Path:
        return self.var / "log"

    def log_file(self, name: str) -> Path:
        return self.log / f"{name}.log"

    def folders(self) -> tuple[Path, ...]:
        """All folders that `create` makes, parents first."""
        return (
            self.var,
            self.run,
            self.secrets,
            self.centre_keys,
            self.keys,
            self.asterisk,
            self.asterisk_etc,
            self.asterisk_log,
            self.journal.parent,
            self.asterisk_lib,
            self.asterisk_lib / "keys",
            self.asterisk_data,
            self.asterisk_spool,
            self.asterisk_run,
            self.recordings,
            self.versions,
            self.prompts,
            self.postgres,
            self.log,
        )

    def create(self, owner: Account | None = None) -> None:
        """Makes what is missing, mode 0700, for `owner` when root prepares it for somebody else.

        Raises OperatorError when the folder cannot be written, is too full, or its path is too long for a socket.
        """
        socket_path = os.fsencode(self.asterisk_run / "asterisk.ctl")
        if len(socket_path) > SOCKET_PATH_LIMIT:
            excess = len(socket_path) - SOCKET_PATH_LIMIT
            raise OperatorError(
                f"the path of {self.var} is {excess} bytes too long for a Unix socket: set IVR_VAR to a shorter one"
            )
        try:
            for folder in self.folders():
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                # Somebody may have loosened it: Postgres would refuse its folder, and secrets would be open.
                if stat.S_IMODE(folder.stat().st_mode) != 0o700:
                    folder.chmod(0o700)
            if owner is not None:
                self.give_to(owner)
            self._require_writable()
        except OSError as error:
            raise OperatorError(
                f"cannot use {self.var}: {error.strerror}; free it or set IVR_VAR to another folder"
            ) from error
        self.require_space()

    def give_to(self, owner: Account) -> None:
        """Everything under var belongs to `owner` from now on, whoever made it before. Links are not followed."""
        for path in (self.var, *self.var.rglob("*")):
            status = path.lstat()
            if (status.st_uid, status.st_gid) != (owner.uid, owner.gid):
                os.chown(path, owner.uid, owner.gid, follow_symlinks=False)

    def require_space(self) -> None:
        """Raises OperatorError when the disk is nearly full."""
        free = shutil.disk_usage(self.var).free
        if free < MINIMUM_FREE_BYTES:
            raise OperatorError(
                f"only {free // 2**20} MB are free for {self.var}: free at least {MINIMUM_FREE_BYTES // 2**20} MB "
                "or set IVR_VAR to a folder on another disk"
            )

    def _require_writable(self) -> None:
        probe = self.run / f".probe-{os.getpid()}"
        probe.write_bytes(b"x" * 4096)
        probe.unlink()


def prepare(layout: Layout, user: str) -> None:
    """First thing of every command that runs something: the folders exist, and this process is not root any more.

    Raises OperatorError as `Layout.create` and `find_account` do.
    """
    from ivr.adapters.runtime.process import drop_privileges, find_account  # the local AGI needs the paths alone

    account = find_account(user)
    layout.create(account)
    if account is not None:
        os.environ["HOME"] = str(layout.var)
        drop_privileges(account)
