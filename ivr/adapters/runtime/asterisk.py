"""Asterisk as a process of ours: its configuration written, started or found again, asked, stopped."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from ivr.adapters.runtime.asterisk_config import AsteriskInput, fill, render
from ivr.adapters.runtime.layout import Layout
from ivr.adapters.runtime.local_agi import write_launcher
from ivr.adapters.runtime.ports import Ports, require_free
from ivr.adapters.runtime.process import Account, Process, find_process, spawn, write_private
from ivr.adapters.runtime.toolchain import Asterisk
from ivr.errors import OperatorError, PeerError

NAME = "asterisk"
START_TIMEOUT_S = 30.0
STOP_GRACE_S = 10.0
HANG_UP_GRACE_S = 5.0
POLL_S = 0.05
RELOAD = {
    "pjsip.conf": "module reload res_pjsip.so",
    "musiconhold.conf": "module reload res_musiconhold.so",
    "extensions.conf": "dialplan reload",
    "globals.conf": "dialplan reload",
    "queuerules.conf": "module reload app_queue.so",
    "queues.conf": "module reload app_queue.so",
    "manager.conf": "manager reload",
}
"""Rendered file -> what makes Asterisk read it again. Phones and keys come before the queues that need them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How many there are, and may be."""

    callers: int
    limit: int
    """0: none."""
    refused: int
    """Since Asterisk started; of several in the same instant one may be missing here (the record has each)."""


class AsteriskServer:
    """One Asterisk under `layout`."""

    def __init__(
        self,
        *,
        layout: Layout,
        program: Asterisk,
        source: Path,
        node: str,
        before_start: Callable[[], None] = lambda: None,
        account: Account | None = None,
    ) -> None:
        """`source` is the folder asterisk-config; `node` prefixes call ids; `before_start` runs before Asterisk is
        started anew, not when a running one is taken over; `account` is whom root starts it as.
        """
        self._layout = layout
        self._program = program
        self._source = source
        self._node = node
        self._before_start = before_start
        self._account = account

    def write_config(self, given: AsteriskInput) -> frozenset[str]:
        """Writes etc/ anew from asterisk-config and `given`; the names of rendered files that are other than before. A
        running Asterisk sees it after `reload`.

        Raises OperatorError when the folder asterisk-config is not one or the disk does not take it.
        """
        etc, generated = self._layout.asterisk_etc, self._layout.asterisk_etc / "generated"
        rendered = render(self._source, given)
        languages = [language for centre in given.centres for language in centre.languages]
        main = fill(
            self._source / "asterisk.conf",
            {
                "layout": self._layout,
                "modules": self._program.modules,
                "node": self._node,
                "language": languages[0] if languages else "en",
            },
        )
        try:
            generated.mkdir(mode=0o700, exist_ok=True)
            for path in self._source.glob("*.conf"):
                write_private(etc / path.name, path.read_text(encoding="utf-8"))
            write_private(self._layout.asterisk_conf, main)
            changed = frozenset(name for name, text in rendered.items() if _differs(generated / name, text))
            for name in changed:
                write_private(generated / name, rendered[name])
            self._link_data()
            write_launcher(self._layout)
            # Asterisk knows a class of music only if its folder exists when it starts.
            for queue in (queue for centre in (*given.centres, *given.retiring) for queue in centre.queues.values()):
                (self._layout.prompts / "music" / queue.music).mkdir(parents=True, exist_ok=True)
            if self._account is not None:
                self._layout.give_to(self._account)
        except OSError as error:
            raise OperatorError(f"cannot write {etc}: {error.strerror}") from error
        return changed

    def find(self) -> Process | None:
        """The Asterisk that runs under this layout, if one does."""
        return find_process(NAME, self._layout.pid_file(NAME))

    async def start(self, given: AsteriskInput) -> Process:
        """Writes the configuration and starts Asterisk, or takes over the one that still runs and lets it reload, so
        that no call drops. Returns when it is fully booted.

        Raises OperatorError when a port is taken, PeerError when it does not come up.
        """
        self.write_config(given)
        if (running := self.find()) is not None:
            with contextlib.suppress(PeerError):
                await self._wait_until_booted(running)
                await self.reload()
                return running
            # It runs and does not answer: a new one serves callers, this one does not.
            await running.stop(grace_s=STOP_GRACE_S)
        self._make_way(given.ports)
        process = spawn(
            NAME,
            self._argv,
            pid_file=self._layout.pid_file(NAME),
            log_file=self._layout.log_file(NAME),
            cwd=self._layout.asterisk,
            env=self._env,
            account=self._account,
        )
        try:
            await self._wait_until_booted(process)
        except BaseException:
            await process.stop(grace_s=STOP_GRACE_S)
            raise
        return process

    def become(self, given: AsteriskInput) -> NoReturn:
        """Writes the configuration and turns this process into Asterisk: for a container, which watches over it itself.

        Raises OperatorError when a port is taken or Asterisk cannot be run.
        """
        self.write_config(given)
        self._make_way(given.ports)
        os.umask(0o077)
        os.chdir(self._layout.asterisk)
        try:
            os.execve(self._argv[0], self._argv, {**os.environ, **self._env})  # noqa: S606 - no shell is wanted
        except OSError as error:
            raise OperatorError(f"cannot start {NAME} ({self._argv[0]}): {error.strerror}") from error

    @property
    def console(self) -> Path:
        """The socket of its console, which greets whoever connects."""
        return self._layout.asterisk_run / "asterisk.ctl"

    @property
    def _argv(self) -> list[str]:
        return [*self._program.command, "-C", str(self._layout.asterisk_conf), "-f"]

    @property
    def _env(self) -> dict[str, str]:
        return {"HOME": str(self._layout.asterisk)}

    def _make_way(self, ports: Ports) -> None:
        """What must be so before an Asterisk is started anew."""
        require_free(ports.sip, socket.SOCK_DGRAM, bind=ports.bind, purpose="SIP", setting="IVR_SIP_PORT")
        require_free(ports.ami, socket.SOCK_STREAM, bind=ports.bind, purpose="AMI", setting="IVR_AMI_PORT")
        self._layout.require_space()
        self.console.unlink(missing_ok=True)
        self._before_start()

    async def command(self, text: str) -> str:
        """What Asterisk's console answers to `text`. Raises PeerError when nobody answers."""
        child = await asyncio.create_subprocess_exec(
            *self._program.command,
            "-C",
            str(self._layout.asterisk_conf),
            "-rx",
            text,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            user=self._account.uid if self._account else None,
            group=self._account.gid if self._account else None,
            env={**os.environ, "HOME": str(self._layout.asterisk), "TERM": "dumb"},
        )
        output, _ = await child.communicate()
        if child.returncode != 0:
            raise PeerError(f"Asterisk does not answer on its console: see {self._layout.log_file(NAME)}")
        return output.decode(errors="replace")

    async def reload(self, changed: Collection[str] = tuple(RELOAD)) -> None:
        """Reads the written configuration again without touching calls: all that is rendered, or these files of it.

        Raises PeerError when Asterisk does not answer.
        """
        for text in dict.fromkeys(text for name, text in RELOAD.items() if name in changed):
            await self.command(text)

    async def count_channels(self) -> int:
        """Channels that are up now."""
        answer = await self.command("core show channels count")
        first = answer.split(maxsplit=1)[0] if answer.split() else "0"
        return int(first) if first.isdigit() else 0

    async def load(self) -> Load:
        """Callers now, and those refused. Raises PeerError when nobody answers."""
        groups = (line.split() for line in (await self.command("group show channels")).splitlines())
        shown = (line.strip().partition("=") for line in (await self.command("dialplan show globals")).splitlines())
        values = {name: value for name, _, value in shown}
        return Load(
            callers=sum(words[-2:] == ["call", "ivr"] for words in groups),
            limit=int(values.get("IVR_MAX_CALLS") or 0),
            refused=int(values.get("IVR_REFUSED") or 0),
        )

    async def list_channels(self) -> frozenset[str]:
        """Unique ids of the channels that are up now. Raises PeerError when nobody answers."""
        lines = (await self.command("core show channels concise")).splitlines()
        return frozenset(line.rpartition("!")[2] for line in lines if line.count("!") >= 13)

    async def stop(self) -> None:
        """Ends it: calls are hung up first, so that the journal has the end of each."""
        process = self.find()
        if process is None:
            return
        with contextlib.suppress(PeerError):
            if await self.count_channels():
                await self.command("channel request hangup all")
                await self._wait_until_quiet()
            await self.command("core stop now")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), STOP_GRACE_S)
        await process.stop(grace_s=STOP_GRACE_S)

    async def _wait_until_quiet(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(HANG_UP_GRACE_S):
                while await self.count_channels():
                    await asyncio.sleep(POLL_S)

    async def _wait_until_booted(self, process: Process) -> None:
        # The console socket appears some time after the start, and there is nothing to await it by.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START_TIMEOUT_S):
                while process.is_running():
                    with contextlib.suppress(PeerError):
                        if "fully booted" in await self.command("core waitfullybooted"):
                            return
                    await asyncio.sleep(POLL_S)
        log = self._layout.log_file(NAME)
        if process.is_running():
            raise PeerError(f"Asterisk did not come up within {START_TIMEOUT_S:.0f} s: see {log}")
        raise PeerError(f"Asterisk ended while starting: see {log}")

    def _link_data(self) -> None:
        """Asterisk's data folder: its own documentation, which it cannot load modules without, and our prompts."""
        data = self._layout.asterisk_data
        _link(data / "documentation", self._program.data / "documentation")
        _link(data / "sounds", self._layout.prompts)
        (data / "agi-bin").mkdir(mode=0o700, exist_ok=True)


def _differs(path: Path, text: str) -> bool:
    try:
        return path.read_text(encoding="utf-8") != text
    except (FileNotFoundError, UnicodeDecodeError):
        return True


def _link(link: Path, target: Path) -> None:
    if link.is_symlink() and link.readlink() == target:
        return
    if link.is_dir() and not link.is_symlink():
        shutil.rmtree(link)
    link.unlink(missing_ok=True)
    link.symlink_to(target)
