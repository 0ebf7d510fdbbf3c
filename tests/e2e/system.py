"""The whole real system in a folder of its own: started by `ivr up`, called by SIPp, looked at from outside."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from pathlib import Path
from zoneinfo import ZoneInfo

import psutil

from ivr.adapters.prompts.store import PromptStore
from ivr.adapters.runtime.asking import ask
from ivr.adapters.runtime.asterisk import AsteriskServer
from ivr.adapters.runtime.process import find_account
from ivr.adapters.runtime.toolchain import get_asterisk, get_sipp
from ivr.adapters.vault import KeyVault
from ivr.bootstrap import Installation
from ivr.domain.centre import Centre
from ivr.settings import CHECKOUT, Settings, load_settings
from ivr.testing.phones import AgentPhone, Behaviour
from ivr.testing.sipp import Sipp, SippProcess, find_free_port
from ivr.testing.sipp_xml import CallerScript, ScriptedCall
from ivr.testing.waiting import eventually

SEOUL = ZoneInfo("Asia/Seoul")
OPEN = datetime(2026, 11, 23, 10, 0, tzinfo=SEOUL)
CLOSED = datetime(2026, 11, 23, 20, 0, tzinfo=SEOUL)

SHORTER = {
    "centre.yaml": {
        "timeout: 5m": "timeout: 20s",
        "timeout: 3m": "timeout: 20s",
        "ring: 15s": "ring: 5s",
        "wrap_up: 10s": "wrap_up: 2s",
        "escalate_after: 30s": "escalate_after: 8s",
        "limits: {steps: 300,": "limits: {steps: 60,",
    },
    "flow.yaml": {"wait: 5s": "wait: 3s", "wait: 8s": "wait: 4s"},
}
"""The shipped centre, so that nobody waits for minutes: only these times differ."""
START_S = 90
STOP_S = 40
CALLS_PER_PROCESS = 30


@dataclass(slots=True)
class RunningSystem:
    """`ivr up` and everybody who calls it."""

    folder: Path
    supervisor: subprocess.Popen[bytes]
    environment: dict[str, str]
    installation: Installation
    sipp: Sipp
    placed: int = 0
    """Calls that SIPp placed to public numbers, as it counts them."""
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def centre(self) -> Centre:
        return self.installation.centres[0]

    @property
    def prompts(self) -> PromptStore:
        return self.installation.prompts

    @property
    def vault(self) -> KeyVault:
        return self.installation.vault

    @property
    def asterisk(self) -> AsteriskServer:
        settings = self.installation.settings
        return AsteriskServer(
            layout=settings.layout,
            program=get_asterisk(settings.cache),
            source=settings.asterisk_config,
            node=settings.node,
            account=find_account(settings.user),
        )

    @property
    def controller_names(self) -> list[str]:
        return [worker.name for worker in self.installation.workers()][:-1]

    def find_worker(self, name: str) -> psutil.Process | None:
        """None for the moment in which a dead one is replaced."""
        with suppress(FileNotFoundError, psutil.NoSuchProcess):
            record = json.loads(self.installation.layout.pid_file(name).read_text(encoding="utf-8"))
            return psutil.Process(int(record["pid"]))
        return None

    @property
    def controllers(self) -> list[psutil.Process]:
        """Those that run."""
        found = (self.find_worker(name) for name in self.controller_names)
        return [process for process in found if process is not None]

    async def replaced(self, killed: Sequence[psutil.Process]) -> None:
        """Waits until every controller runs and answers, and none of them is one of these."""
        gone = {process.pid for process in killed}

        async def fresh() -> bool:
            layout, running = self.installation.layout, [self.find_worker(name) for name in self.controller_names]
            return all(
                process is not None and process.pid not in gone and ask(layout.worker_socket(name)) is not None
                for name, process in zip(self.controller_names, running, strict=True)
            )

        await eventually(fresh, within_s=30)

    @contextmanager
    def without_controllers(self) -> Iterator[None]:
        """Every controller is killed, and none comes back before the context is left: whoever would start one is
        stopped meanwhile."""
        up = psutil.Process(self.supervisor.pid)
        up.suspend()
        try:
            for process in self.controllers:
                process.kill()
            yield
        finally:
            up.resume()

    def served_alone(self) -> Counter[str]:
        """Ids of the calls that local AGIs served so far, as they say in their log, and how often each."""
        log = self.installation.layout.log_file("fallback")
        lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
        told = (json.loads(line) for line in lines if line.startswith("{"))
        return Counter(each["call_id"] for each in told if "call_id" in each)

    def new_caller(self) -> str:
        """A number that nobody called from before."""
        return f"0212{next(self._numbers):06d}"

    def set_clock(self, at: datetime) -> None:
        """The business time of the next calls."""
        self.run("clock", "--at", at.strftime("%Y-%m-%d %H:%M"))

    def run(self, *arguments: str, within_s: float = 60.0) -> str:
        """What `ivr …` prints."""
        done = subprocess.run(
            [sys.executable, "-m", "ivr", *arguments],
            env=self.environment, cwd=CHECKOUT, capture_output=True, text=True, timeout=within_s, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def recording(self, which: str) -> bytes:
        """What `ivr recording` gives out."""
        done = subprocess.run(
            [sys.executable, "-m", "ivr", "recording", which, "--out", "-", "--why", "a test"],
            env=self.environment, cwd=CHECKOUT, capture_output=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    async def call(self, script: CallerScript, *callers: str | None, per_second: float = 10) -> None:
        """Callers who all do the same; fails unless each call went as the script says."""
        await self.call_all([ScriptedCall(script=script, caller=caller) for caller in callers], per_second=per_second)

    async def call_all(self, calls: Sequence[ScriptedCall], *, per_second: float = 10) -> None:
        """Many callers at once; fails unless every call went as its script says."""
        async with self.calling(calls, per_second=per_second):
            pass

    @asynccontextmanager
    async def calling(self, calls: Sequence[ScriptedCall], *, per_second: float = 10) -> AsyncIterator[None]:
        """Calls are placed at once; leaving the context waits for them and fails unless each went as scripted."""
        groups = [calls[first : first + CALLS_PER_PROCESS] for first in range(0, len(calls), CALLS_PER_PROCESS)]
        processes = [await self.sipp.start_calls(group, per_second=per_second / len(groups)) for group in groups]
        try:
            yield
            for group, process in zip(groups, processes, strict=True):
                result = await process.wait()
                self.placed += result.calls
                lost = set(range(len(group))) - {int(place) for place in result.logged}
                told = [_described(group[place].script) for place in sorted(lost)]
                assert not told, f"calls that did not go as scripted: {told}\n{result.errors}"
                assert result.is_clean, result.errors
        finally:
            for process in processes:
                await process.kill()

    def phone(self, agent: str) -> AgentPhone:
        """A new phone with the account of an agent."""
        voice = self.prompts.path("en", "greeting")
        password = self.installation.secrets.agents[agent]
        return AgentPhone(sipp=self.sipp, user=agent, password=password, port=find_free_port(), voice=voice)

    @asynccontextmanager
    async def on_duty(self, agent: str, behaviour: Behaviour) -> AsyncIterator[SippProcess]:
        """An agent who is logged in and treats calls like that; gone afterwards."""
        phone = self.phone(agent)
        async with phone.serving(behaviour) as process:
            await phone.log_in()
            try:
                yield process
            finally:
                await phone.dial("*12")
                await phone.register(expires_s=0)


@contextmanager
def running_system(add_centres: Callable[[Path], None] = lambda _: None, **variables: str) -> Iterator[RunningSystem]:
    """Starts it with free ports in a new folder; nothing of it is left afterwards.

    `add_centres` is given the folder of centres before the start; `variables` go into the environment.
    """
    # Not pytest's folder: the unprivileged user cannot go through that of root.
    folder = Path(tempfile.mkdtemp(prefix="ivr-e2e-", dir="/tmp"))
    folder.chmod(0o755)
    given = load_settings(var=folder / "var", dialplans=folder / "dialplans", ports="free", DATABASE_URL=None)
    _copy_dialplans(CHECKOUT / "dialplans", given.dialplans)
    add_centres(given.dialplans)
    environment = {**os.environ, **given.child_environment(), "PYTHONPATH": str(CHECKOUT), **variables}
    environment.pop("DATABASE_URL", None)
    log = folder / "up.log"
    with log.open("wb") as output:
        supervisor = subprocess.Popen(
            [sys.executable, "-m", "ivr", "up", "--at", OPEN.strftime("%Y-%m-%d %H:%M")],
            env=environment, cwd=CHECKOUT, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            start_new_session=True,
        )  # fmt: skip
    try:
        _wait_for_ready(supervisor, log)
        yield RunningSystem(
            folder=folder,
            supervisor=supervisor,
            environment=environment,
            installation=Installation(given),
            sipp=_sipp(given, folder),
        )
    finally:
        _stop(supervisor)
        left = _processes_of(folder)
        for process in left:
            process.kill()
        shutil.rmtree(folder, ignore_errors=True)
    assert not left, f"processes left over: {left}"


def _copy_dialplans(source: Path, target: Path) -> None:
    shutil.copytree(source, target)
    for name, changes in SHORTER.items():
        file = target / "120" / name
        text = file.read_text(encoding="utf-8")
        for shipped, shorter in changes.items():
            assert shipped in text, f"{name} has no {shipped!r} any more: adapt SHORTER"
            text = text.replace(shipped, shorter)
        file.write_text(text, encoding="utf-8")


def _sipp(settings: Settings, folder: Path) -> Sipp:
    account = find_account(settings.user)
    work = folder / "sipp"
    work.mkdir()
    if account is not None:
        os.chown(work, account.uid, account.gid)
    return Sipp(
        command=get_sipp(settings.cache),
        server=f"{settings.bind}:{settings.sip_port}",
        work=work,
        user=(account.uid, account.gid) if account else None,
    )


def _wait_for_ready(supervisor: subprocess.Popen[bytes], log: Path) -> None:
    """The supervisor says `ready`; a pipe would have to be read all the time, so its output is a file."""
    ended = psutil.Process(supervisor.pid)
    for _ in range(START_S * 10):
        if "ready" in log.read_text(encoding="utf-8").split():
            return
        with suppress(psutil.TimeoutExpired):
            ended.wait(0.1)
            break
    raise AssertionError(f"the system did not start:\n{log.read_text(encoding='utf-8')}")


def _stop(supervisor: subprocess.Popen[bytes]) -> None:
    supervisor.send_signal(signal.SIGINT)
    try:
        supervisor.wait(STOP_S)
    except subprocess.TimeoutExpired:
        supervisor.kill()
        supervisor.wait()


def _processes_of(folder: Path) -> list[psutil.Process]:
    """Whatever runs with a path below the folder in its command line or directory."""
    found = []
    for process in psutil.process_iter(["cmdline", "cwd"]):
        words = [*(process.info["cmdline"] or ()), process.info["cwd"] or ""]
        if any(str(folder) in word for word in words):
            found.append(process)
    return found


def _described(script: CallerScript) -> str:
    return " ".join(str(move) for move in script.moves)
