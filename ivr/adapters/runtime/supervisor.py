"""`ivr up`: Postgres, Asterisk, controllers and ingest started in order, watched, started again, stopped in order.

None of them ends when this process is killed: callers go on, and the next start takes Asterisk and Postgres over.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
from collections.abc import Awaitable, Callable, Container, Iterable, Sequence
from dataclasses import asdict
from types import TracebackType
from typing import Self

from ivr.adapters.runtime.asterisk import NAME as ASTERISK
from ivr.adapters.runtime.asterisk import AsteriskServer
from ivr.adapters.runtime.asterisk_config import AsteriskInput
from ivr.adapters.runtime.frozen import until_frozen
from ivr.adapters.runtime.layout import Layout
from ivr.adapters.runtime.locks import hold_lock
from ivr.adapters.runtime.ports import Ports, require_free
from ivr.adapters.runtime.postgres import NAME as POSTGRES
from ivr.adapters.runtime.postgres import PostgresCluster, require_database
from ivr.adapters.runtime.process import Process, find_process, raise_open_files_limit, write_private
from ivr.adapters.runtime.workers import GRACE_S, Worker, list_workers, note_workers
from ivr.errors import IvrError, PeerError

FIRST_DELAY_S, LONGEST_DELAY_S = 0.2, 10.0
"""From one vain start to the next: it doubles."""

LOOK_EVERY_S = 1.0
"""Between two looks whether an Asterisk runs that could be watched."""


class System:
    """The processes of one installation. `async with System(…) as system: await system.run()`."""

    def __init__(
        self,
        *,
        layout: Layout,
        given: AsteriskInput,
        latest: Callable[[], AsteriskInput],
        asterisk: AsteriskServer,
        postgres: PostgresCluster | None,
        dsn: str,
        migrate: Callable[[str], Awaitable[object]],
        workers: Sequence[Worker],
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`latest` tells what Asterisk's configuration depends on now: a reload may have changed what `given` had.

        `postgres` is None when `dsn` is the operator's own database. `migrate` brings the database of a dsn up to
        date. `workers` are the controllers and, last, ingest. `say` tells the operator what goes on, one line a time.
        """
        self._layout = layout
        self._given = given
        self._latest = latest
        self._asterisk = asterisk
        self._postgres = postgres
        self._dsn = dsn
        self._migrate = migrate
        self.workers = workers
        self._say = say
        self._has_database = False
        self._stop = asyncio.Event()
        self._lock = contextlib.ExitStack()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Starts everything, or what is missing of it. Without Postgres too: `run` goes on trying.

        Raises OperatorError when another `ivr up` has this var, or when the database is not for us.
        When a part fails, what was started is stopped again; what ran before is left to its callers.
        """
        self._lock.enter_context(hold_lock(self._layout.up_lock))
        found: frozenset[str] = frozenset()
        try:
            raise_open_files_limit()
            await self._end_what_has_other_ports()
            found = frozenset(name for name, process in self._find_all().items() if process is not None)
            note_ports(self._layout, self._given.ports)
            await self._find_database()
            await self._start_asterisk()
            await self.start_workers()
        except BaseException:
            await self.stop(keep=found)
            raise

    async def run(self) -> None:
        """Keeps everything running until SIGINT, SIGTERM or `request_stop`.

        Both signals stay caught afterwards: a second Ctrl-C while everything stops must not leave half of it running.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.request_stop)
        keepers = [
            asyncio.create_task(keep(ASTERISK, self._asterisk.find, self._start_asterisk, self._say)),
            asyncio.create_task(self._end_frozen_asterisk()),
            *(asyncio.create_task(keep(worker.name, worker.find, worker.start, self._say)) for worker in self.workers),
        ]
        if self._postgres is not None:
            keepers.append(asyncio.create_task(keep(POSTGRES, self._postgres.find, self._start_postgres, self._say)))
        if not self._has_database:
            keepers.append(asyncio.create_task(self._await_database()))
        stopped = asyncio.create_task(self._stop.wait())
        done, pending = await asyncio.wait([*keepers, stopped], return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        for task in done:
            task.result()

    def request_stop(self) -> None:
        """`run` returns."""
        self._stop.set()

    async def stop(self, *, keep: Container[str] = ()) -> None:
        """Asterisk first, so that every call has its end in the journal; then controllers and ingest, which carries the
        journal to the database; the database last. Parts named in `keep` go on."""
        self._say("stopping")
        if ASTERISK not in keep:
            await self._asterisk.stop()
        await self.stop_workers()
        if self._postgres is not None and POSTGRES not in keep:
            await self._postgres.stop()
        if not any(self._find_all().values()):
            self._layout.ports_file.unlink(missing_ok=True)
        self._lock.close()

    def _find_all(self) -> dict[str, Process | None]:
        return {
            ASTERISK: self._asterisk.find(),
            POSTGRES: self._postgres.find() if self._postgres is not None else None,
            **{worker.name: worker.find() for worker in self.workers},
        }

    async def _find_database(self) -> None:
        """Starts Postgres and brings the database up to date, if it is there. Raises OperatorError when it is not for
        us: made by a newer release, sealed under another key, another's password."""
        try:
            await self._start_postgres()
            await self._migrate(self._dsn)
        except PeerError as error:
            self._say(f"{error}: calls are taken without it, and the record follows when it is back")
            return
        self._has_database = True

    async def _await_database(self) -> None:
        """Brings the database up to date once it is there; until then ingest does not write to it."""
        said, delay = "", FIRST_DELAY_S
        while not self._has_database:
            await asyncio.sleep(delay)
            delay = min(delay * 2, LONGEST_DELAY_S)
            try:
                await self._migrate(self._dsn)
            except PeerError:
                continue  # said at the start
            except IvrError as error:
                if str(error) != said:
                    said = str(error)
                    self._say(f"nothing is written to the database: {error}")
                continue
            self._has_database = True
            self._say("the database is there: the record follows")
        await self._stop.wait()

    async def _start_postgres(self) -> None:
        if self._postgres is None:
            await require_database(self._dsn)
            return
        self._say("starting Postgres")
        await self._postgres.start()

    async def _start_asterisk(self) -> None:
        found = self._asterisk.find()
        self._say("starting Asterisk" if found is None else f"Asterisk still runs (pid {found.pid}): taking it over")
        # Off the loop: it reads and compiles the dialplans that are live.
        await self._asterisk.start(await asyncio.to_thread(self._latest))

    async def start_workers(self) -> None:
        """All at once. A worker left from before is replaced, not taken over, for the new one has the settings of this
        start; one after the other, so that its callers find another controller."""
        earlier = list_workers(self._layout)
        left = [worker for worker in self.workers if worker.find() is not None]
        if not left:
            self._require_ports()
        note_workers(self._layout, [worker.name for worker in self.workers])
        self._say(f"starting {', '.join(worker.name for worker in self.workers)}")
        results = await asyncio.gather(
            *(worker.start() for worker in self.workers if worker not in left), return_exceptions=True
        )
        for result in results:
            if isinstance(result, BaseException):
                raise result
        for worker in left:
            await worker.stop()
            await worker.start()
        await self._stop_named(set(earlier) - {worker.name for worker in self.workers})

    async def stop_workers(self) -> None:
        """Controllers before ingest, which carries what they wrote to the database."""
        *controllers, ingest = self.workers
        await asyncio.gather(*(controller.stop() for controller in controllers))
        await ingest.stop()

    async def _stop_named(self, names: Iterable[str]) -> None:
        """Those that an earlier start had more of."""
        for name in names:
            if (process := find_process(name, self._layout.pid_file(name))) is not None:
                await process.stop(grace_s=GRACE_S)

    def _require_ports(self) -> None:
        """Raises OperatorError when a stranger listens where our workers are to."""
        ports = self._given.ports
        for port, purpose, setting in ((ports.agi, "FastAGI", "IVR_AGI_PORT"), (ports.http, "HTTP", "IVR_HTTP_PORT")):
            require_free(port, socket.SOCK_STREAM, bind=ports.bind, purpose=purpose, setting=setting)

    async def _end_frozen_asterisk(self) -> None:
        """One that hangs holds its callers for ever; ended, it is started again and the journal closes its calls."""
        while True:
            if (process := self._asterisk.find()) is not None and await until_frozen(process, self._asterisk.console):
                self._say(f"{ASTERISK} (pid {process.pid}) does not answer: ending it")
                await process.stop(grace_s=0)
            await asyncio.sleep(LOOK_EVERY_S)

    async def _end_what_has_other_ports(self) -> None:
        """Asterisk and Postgres of before listen where they were told then: other ports need them anew."""
        before = find_ports(self._layout)
        if before is None or before == self._given.ports:
            return
        await self._asterisk.stop()
        if self._postgres is not None:
            await self._postgres.stop()


async def keep(
    name: str,
    find: Callable[[], Process | None],
    start: Callable[[], Awaitable[None]],
    say: Callable[[str], None],
) -> None:
    """For ever, starts what `find` finds ended. Who had begun its work is started again at once, however often it is
    killed, for callers wait for it; only who does not come up is given time, longer each time."""
    delay = 0.0
    while True:
        if (process := find()) is not None:
            await process.wait()
        say(f"{name} ended: starting it again" + (f" in {delay:.1f} s" if delay else ""))
        await asyncio.sleep(delay)
        try:
            await start()
            delay = 0.0
        except IvrError as error:
            say(f"{name} does not start: {error}")
            delay = min(max(delay * 2, FIRST_DELAY_S), LONGEST_DELAY_S)


def note_ports(layout: Layout, ports: Ports) -> None:
    """Tells commands that look at what runs where that is."""
    write_private(layout.ports_file, json.dumps(asdict(ports), indent=1))


def find_ports(layout: Layout) -> Ports | None:
    """The ports of what runs, or ran when this was last started and did not stop; None when nothing is known."""
    try:
        return Ports(**json.loads(layout.ports_file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
