"""The kill test's own installation: two small centres of its own, in var/chaos, on free ports, run by `ivr up`."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import yaml

from ivr.adapters.runtime.toolchain import get_sipp
from ivr.bench.lab import ASTERISK_RTP, SIPP_RTP
from ivr.bootstrap import Installation
from ivr.chaos.striker import processes_below
from ivr.errors import PeerError
from ivr.settings import CHECKOUT, load_settings
from ivr.testing.phones import AgentPhone, Answer, Behaviour, Ignore
from ivr.testing.sipp import Sipp, find_free_port

NIGHT = "2026-11-23 03:00"
"""Business time at the beginning: one of the two centres is closed for hours to come."""
SERVING, DEAF = "served", "deaf"
"""Queues of the open centre."""
FIRST_AGENT, FIRST_DEAF = 3001, 3901
DEAF_AGENTS = 3
TALK_S = 2.0
PICK_UP_S = 0.2
BUSY_S = TALK_S + 1.5
"""How long one call keeps an agent, generously."""
SERVED_SHARE = 0.35
"""Of the callers, generously."""
LOGINS_AT_ONCE = 8
REGISTER_EVERY_S = 60.0
"""As phones do: a new Asterisk learns so where they are, should it have forgotten."""
START_S = 120.0
STOP_S = 40.0


def open_lab(rate: float) -> Installation:
    """Writes the folders and says what is installed there. As root, becomes the unprivileged user."""
    outer = load_settings()
    var = outer.var / "chaos"
    inner = load_settings(var=var, ports="free", database_url=None, dialplans=var / "dialplans", qualify_s=0)
    first, last = ASTERISK_RTP
    listening = dataclasses.replace(inner.listening, rtp_first=first, rtp_last=last)
    installation = Installation(inner.listening_at(listening))
    installation.become_owner()
    _begin_anew(installation)
    _write_centres(inner.dialplans, round(rate * SERVED_SHARE * BUSY_S) + 4)
    return installation


def _begin_anew(installation: Installation) -> None:
    """Ends what an interrupted run may have left, and removes its calls. Prompts and secrets stay."""
    layout = installation.layout
    _end_supervisor(layout.up_lock)
    end_all(layout.var)
    for folder in (
        layout.journal.parent, layout.recordings, layout.postgres, layout.asterisk_lib, layout.versions, layout.log,
        layout.run,
    ):  # fmt: skip
        shutil.rmtree(folder, ignore_errors=True)
    layout.create()


def _write_centres(target: Path, agents: int) -> None:
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(Path(__file__).parent / "centres", target)
    file = target / "open" / "centre.yaml"
    # As the loader of centres does, every scalar is text.
    centre = yaml.load(file.read_text(encoding="utf-8"), yaml.BaseLoader)  # noqa: S506
    serving = {str(FIRST_AGENT + place): SERVING for place in range(agents)}
    deaf = {str(FIRST_DEAF + place): DEAF for place in range(DEAF_AGENTS)}
    centre["agents"] = {
        number: {"name": f"Agent {number}", "language": "ko", "queues": {queue: "1"}}
        for number, queue in {**serving, **deaf}.items()
    }
    text = yaml.safe_dump(centre, allow_unicode=True, default_style='"', sort_keys=False)
    file.write_text(text, encoding="utf-8")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lab:
    """A system that is up, and its agents on duty."""

    installation: Installation
    sipp: Sipp
    supervisor: subprocess.Popen[bytes]
    phones: tuple[AgentPhone, ...]

    def require_supervisor(self) -> None:
        """Raises PeerError when `ivr up` has ended."""
        if self.supervisor.poll() is not None:
            raise PeerError(f"`ivr up` ended with code {self.supervisor.returncode}: see {up_log(self.installation)}")

    async def keep_registered(self) -> None:
        """For ever, each phone tells where it is, as phones do."""
        while True:
            await asyncio.sleep(REGISTER_EVERY_S)
            await _each(self.phones, _register_again)


def up_log(installation: Installation) -> Path:
    return installation.layout.log_file("up")


@asynccontextmanager
async def open_stage(installation: Installation, say: Callable[[str], None]) -> AsyncIterator[Lab]:
    """Starts `ivr up` and logs the agents in; whatever happens, nothing of it runs afterwards."""
    async with AsyncExitStack() as stack:
        supervisor = stack.enter_context(_supervised(installation))
        await _until_ready(supervisor, up_log(installation))
        work = installation.layout.var / "sipp"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(mode=0o700)
        ports = installation.settings.listening
        sipp = Sipp(
            command=get_sipp(installation.settings.cache),
            server=f"{ports.bind}:{ports.sip}",
            work=work,
            address=ports.bind,
            rtp_ports=SIPP_RTP,
        )
        phones: list[AgentPhone] = []
        for queue, behaviour in ((SERVING, Answer(after_s=PICK_UP_S, talk_s=TALK_S)), (DEAF, Ignore())):
            phones += await _on_duty(installation, sipp, queue, behaviour, stack)
        say(f"{len(phones)} agents log in")
        await _each(phones, AgentPhone.log_in)
        yield Lab(installation=installation, sipp=sipp, supervisor=supervisor, phones=tuple(phones))


async def _on_duty(
    installation: Installation, sipp: Sipp, queue: str, behaviour: Behaviour, stack: AsyncExitStack
) -> list[AgentPhone]:
    """The agents of a queue: all at one port, where one phone takes the calls of all."""
    port = find_free_port(sipp.address)
    secrets = installation.secrets.agents
    agents = [agent.id for centre in installation.centres for agent in centre.agents.values() if queue in agent.queues]
    phones = [AgentPhone(sipp=sipp, user=agent, password=secrets[agent], port=port) for agent in agents]
    await stack.enter_async_context(phones[0].serving(behaviour, limit_s=24 * 3600))
    return phones


async def _each(phones: list[AgentPhone] | tuple[AgentPhone, ...], act: Callable[[AgentPhone], object]) -> None:
    gate = asyncio.Semaphore(LOGINS_AT_ONCE)

    async def one(phone: AgentPhone) -> None:
        async with gate:
            await act(phone)  # type: ignore[misc]  # every `act` is a coroutine function

    await asyncio.gather(*(one(phone) for phone in phones))


async def _register_again(phone: AgentPhone) -> None:
    """What fails while Asterisk is away succeeds the next time."""
    try:
        await phone.register()
    except PeerError:
        return


@contextmanager
def _supervised(installation: Installation) -> Iterator[subprocess.Popen[bytes]]:
    """`ivr up`, in a session of its own: our Ctrl-C is not its."""
    environment = {**os.environ, **installation.settings.child_environment(), "PYTHONPATH": str(CHECKOUT)}
    environment.pop("DATABASE_URL", None)
    with up_log(installation).open("wb") as output:
        supervisor = subprocess.Popen(
            [sys.executable, "-m", "ivr", "up", "--at", NIGHT],
            env=environment,
            cwd=CHECKOUT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield supervisor
    finally:
        supervisor.terminate()
        try:
            supervisor.wait(STOP_S)
        except subprocess.TimeoutExpired:
            supervisor.kill()
            supervisor.wait()
        end_all(installation.layout.var)


def _end_supervisor(lock: Path) -> None:
    """An `ivr up` left alone by a killed run would go on starting parts, and end ours when it ends. Only its lock tells
    that it is one of this folder."""
    with contextlib.suppress(OSError, ValueError, psutil.NoSuchProcess):
        left = psutil.Process(int(lock.read_text(encoding="ascii")))
        if left.cmdline()[1:4] == ["-m", "ivr", "up"]:
            left.terminate()
            if psutil.wait_procs([left], timeout=STOP_S)[1]:
                left.kill()


def end_all(folder: Path) -> None:
    """Ends what still runs in a folder of ours, process by process."""
    own = {os.getpid(), *(process.pid for process in psutil.Process().parents())}
    left = [process for process in processes_below(folder) if process.pid not in own]
    for process in left:
        process.kill()
    psutil.wait_procs(left, timeout=10)


async def _until_ready(supervisor: subprocess.Popen[bytes], log: Path) -> None:
    """Its output is a file that says `ready`."""
    try:
        async with asyncio.timeout(START_S):
            while supervisor.poll() is None:
                if "ready" in log.read_text(encoding="utf-8").split():
                    return
                await asyncio.sleep(0.2)
    except TimeoutError:
        raise PeerError(f"`ivr up` was not ready within {START_S:.0f} s: see {log}") from None
    raise PeerError(f"`ivr up` ended with code {supervisor.returncode}: see {log}")
