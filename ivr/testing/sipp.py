"""Runs SIPp: callers and phones over real SIP and RTP, each run one bounded process that needs no rights."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import os
import signal
import socket
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from ivr.errors import OperatorError, PeerError
from ivr.testing.sipp_xml import CallerScript, ScriptedCall, caller_scenario, callers_file, media_files, ms

_MARGIN_S = 30
"""Longest wait for answers to our messages, on top of what a script takes by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SippResult:
    """What SIPp counted."""

    exit_code: int
    successful: int
    failed: int
    retransmissions: int
    calls: int
    """Placed or received in all."""
    errors: str = field(repr=False)
    """SIPp's own words; they may quote SIP messages, so they are for the eyes of the tester only."""
    logged: tuple[str, ...] = field(repr=False)
    """Lines of the scenario's <log> actions."""

    @property
    def is_clean(self) -> bool:
        """Every call went as its script says."""
        return self.exit_code == 0 and self.failed == 0


class SippProcess:
    """A running SIPp. Always ends: by itself, by `stop`, or at its time limit."""

    def __init__(
        self, process: asyncio.subprocess.Process, folder: tempfile.TemporaryDirectory[str], limit_s: float
    ) -> None:
        self._process = process
        self._folder = folder
        self._limit_s = limit_s

    @property
    def pid(self) -> int:
        return self._process.pid

    async def wait(self) -> SippResult:
        """Returns when the last call is over. Raises PeerError when SIPp exceeds its limit."""
        try:
            async with asyncio.timeout(self._limit_s):
                await self._process.wait()
        except TimeoutError:
            await self.kill()
            raise PeerError(f"SIPp did not end within {self._limit_s:.0f} s") from None
        return self._take_result()

    async def stop(self, *, grace_s: float = 10.0) -> SippResult:
        """No more calls; those under way may end within `grace_s` seconds."""
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGUSR1)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(grace_s):
                    await self._process.wait()
        await self.kill()
        return self._take_result()

    async def kill(self) -> None:
        """At once, by pid."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.kill()
        self._folder.cleanup()

    def _take_result(self) -> SippResult:
        folder = Path(self._folder.name)
        counts = _last_row(folder / "stat.csv")
        result = SippResult(
            exit_code=self._process.returncode or 0,
            successful=int(counts.get("SuccessfulCall(C)", 0)),
            failed=int(counts.get("FailedCall(C)", 0)),
            retransmissions=int(counts.get("Retransmissions(C)", 0)),
            calls=int(counts.get("TotalCallCreated", 0)),
            errors=_text(folder / "errors.log") or ("" if counts else _text(folder / "output.log")),
            logged=tuple(line for line in _text(folder / "log.log").splitlines() if line),
        )
        self._folder.cleanup()
        return result


@dataclass(frozen=True, slots=True, kw_only=True)
class Sipp:
    """The program and whom it calls. `command` is its argument vector up to the options."""

    command: tuple[str, ...]
    server: str
    """host:port of the system under test."""
    work: Path
    """A folder that `user` may enter; each run has one of its own in it, removed afterwards."""
    user: tuple[int, int] | None = None
    """uid and gid to run as when we are root."""
    address: str = "127.0.0.1"
    rtp_ports: tuple[int, int] = (31000, 32400)

    async def call(self, script: CallerScript, *callers: str | None, per_second: float = 10) -> SippResult:
        """Places one call per caller number (None: withheld) and waits until all are over."""
        async with await self.start_calls(
            [ScriptedCall(script=script, caller=caller) for caller in callers], per_second=per_second
        ) as process:
            return await process.wait()

    async def start_calls(self, calls: Sequence[ScriptedCall], *, per_second: float = 10) -> SippProcess:
        """Places calls in this order, in one process, without waiting for their end.

        The result's `logged` has the places (from 0) of those that came to the end of their script.
        """
        if not calls:
            raise ValueError("nobody to call")
        scripts = list(dict.fromkeys(call.script for call in calls))
        files = {"callers.csv": callers_file(calls, scripts, self.address), **media_files(scripts)}
        count = str(len(calls))
        # SIPp takes whole calls per period.
        rate = ["-r", "1", "-rp", str(ms(1 / per_second))]
        limit_s = len(calls) / per_second + max(script.seconds for script in scripts)
        return await self.start(
            caller_scenario(scripts),
            files=files,
            options=["-inf", "callers.csv", "-m", count, "-l", count, *rate],
            limit_s=limit_s + _MARGIN_S,
        )

    async def start(
        self,
        scenario: str,
        *,
        files: Mapping[str, bytes | Path],
        options: Sequence[str],
        limit_s: float,
        port: int | None = None,
    ) -> SippProcess:
        """Runs any scenario with files beside it, for at most `limit_s` seconds, on a SIP port of ours (default: a free
        one). Raises OperatorError without SIPp."""
        port = port or find_free_port(self.address)  # SIPp's own default is 5060, where the system may want to be
        folder = tempfile.TemporaryDirectory(prefix="sipp-", dir=self.work, ignore_cleanup_errors=True)
        path = Path(folder.name)
        for name, content in {"scenario.xml": scenario.encode(), **files}.items():
            target = path / name
            target.write_bytes(content.read_bytes() if isinstance(content, Path) else content)
            target.chmod(0o600)
        if self.user is not None and os.geteuid() == 0:
            for item in (path, *path.iterdir()):
                os.chown(item, *self.user)
        uid, gid = self.user if self.user is not None and os.geteuid() == 0 else (None, None)
        try:
            with (path / "output.log").open("wb") as output:
                process = await asyncio.create_subprocess_exec(
                    *self.command, self.server, "-sf", "scenario.xml", *self._common(port, limit_s), *options,
                    cwd=path, stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output,
                    user=uid, group=gid, extra_groups=[] if uid is not None else None, start_new_session=True,
                )  # fmt: skip
        except OSError as error:
            folder.cleanup()
            raise OperatorError(f"cannot start SIPp ({self.command[0]}): {error.strerror}") from error
        return SippProcess(process, folder, limit_s + _MARGIN_S)

    def _common(self, port: int, limit_s: float) -> list[str]:
        first, last = self.rtp_ports
        return [
            "-i", self.address, "-p", str(port), "-bind_local", "-mi", self.address,
            "-min_rtp_port", str(first), "-max_rtp_port", str(last), "-random_base_ssrc",
            "-nostdin", "-aa", "-timeout", f"{int(limit_s) + 1}s", "-timeout_error",
            "-trace_stat", "-stf", "stat.csv", "-fd", "1",
            "-trace_err", "-error_file", "errors.log", "-trace_logs", "-log_file", "log.log",
        ]  # fmt: skip


def find_free_port(address: str = "127.0.0.1") -> int:
    """A UDP port that nobody uses now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((address, 0))
        port: int = probe.getsockname()[1]
        return port


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""


def _last_row(path: Path) -> dict[str, str]:
    """The final line of a -trace_stat file: cumulative counts by column name."""
    with contextlib.suppress(FileNotFoundError), path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
        return rows[-1] if rows else {}
    return {}
