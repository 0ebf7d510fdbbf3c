"""A controller process: FastAGI for callers and agents, the live board, orders, health.

Every part waits for what it needs by itself: with AMI away, calls are taken all the same. It has no database.
Controllers run side by side and share their ports; what only one may do is done by the one that holds a lock.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from typing import Any

from ivr import log as logs
from ivr.adapters.agi.codec import Header
from ivr.adapters.agi.line import AgiDesk, AgiLine, Folders, arrival_of
from ivr.adapters.agi.playlist import tidy
from ivr.adapters.agi.server import AgiConnection, AgiServer
from ivr.adapters.ami.client import AmiClient
from ivr.adapters.ami.switch import AmiSwitch
from ivr.adapters.clock import SystemClock
from ivr.adapters.folder_watch import FolderWatch
from ivr.adapters.lookup.http import HttpLookup
from ivr.adapters.runtime.asterisk_config import AMI_USER
from ivr.adapters.runtime.heart import Heart
from ivr.adapters.runtime.locks import held
from ivr.adapters.runtime.secrets import load_control_token, load_recordings_token
from ivr.adapters.web.control import order_routes
from ivr.adapters.web.recordings import recording_route
from ivr.bootstrap import Installation
from ivr.engine.agent_desk import AgentDesk
from ivr.engine.board import LiveBoard
from ivr.engine.centres import LiveCentres
from ivr.engine.emergencies import CentresInEmergency
from ivr.engine.session import Engine
from ivr.live_change import LiveChange, need_text
from ivr.live_versions import LiveVersions
from ivr.worker import answering, stop_signal

log = logging.getLogger(__name__)

DRAIN_S = 20.0
"""How long callers of a controller that ends have to come to the end of what they hear or say; a longer wait is dropped
and begins anew in another controller. A recording goes on by itself and is not dropped."""
LEADER_LOOK_S = 1.0
"""Seconds between two looks whether the controller that does what only one may do is gone."""


class Controller:
    """The parts of one process, wired."""

    def __init__(self, name: str, installation: Installation) -> None:
        settings, layout = installation.settings, installation.layout
        ports = settings.listening
        self._name = name
        self._installation = installation
        self._centres = LiveCentres(installation.centres, installation.publisher.find_version)
        self._live = LiveVersions(installation.publisher, self._centres)
        self._change = LiveChange(installation, self._live)
        self._watch_trouble: str | None = None
        self._is_ending = False
        self._lookup = HttpLookup(os.environ)
        self._engine = Engine(
            centres=CentresInEmergency(self._centres, installation.emergencies),
            vault=installation.vault,
            clock=installation.clock,
            lookup=self._lookup,
            is_ending=lambda: self._is_ending,
        )
        self._desk = AgentDesk(installation.vault)
        self._folders = Folders(prompts=layout.prompts, recordings=layout.recordings, spoken=layout.spoken)
        self._agi = AgiServer(
            ports.bind,
            ports.agi,
            {"call": self._call, "agent": self._agent},
            peers=settings.peers,
            is_shared=True,
        )
        self._ami = AmiClient(host=ports.bind, port=ports.ami, username=AMI_USER, secret=installation.secrets.ami)
        machine_clock = SystemClock()
        self._board = LiveBoard(switch=AmiSwitch(self._ami, machine_clock), centres=self._centres, clock=machine_clock)
        orders = order_routes(load_control_token(layout), {"reload": self._reload, "rollback": self._roll_back})
        routes = [*orders, recording_route(load_recordings_token(layout), self._give)]
        self._health = answering(
            name, layout, self.figures, address=(ports.bind, ports.http), routes=routes, peers=settings.peers
        )

    async def run(self) -> None:
        """Until SIGTERM or SIGINT; then each caller is handed on where it does not show, and everything ends."""
        stop = stop_signal()
        async with AsyncExitStack() as stack:
            heart = await stack.enter_async_context(Heart(memory_mb=self._installation.settings.memory_limit_mb))
            await asyncio.to_thread(tidy, self._folders)
            parts = await stack.enter_async_context(asyncio.TaskGroup())
            background = [parts.create_task(self._board.run()), parts.create_task(self._lead())]
            await stack.enter_async_context(self._ami)
            await stack.enter_async_context(self._lookup)
            await stack.enter_async_context(self._agi)
            health = await stack.enter_async_context(self._health)
            heart.beat()
            log.info("controller ready", extra={"worker": self._name})
            await stop.wait()
            self._is_ending = True
            for task in background:
                task.cancel()
            await health.leave()
            dropped = await self._agi.drain(DRAIN_S)
            log.info("controller ends", extra={"worker": self._name, "dropped": dropped})

    def figures(self) -> dict[str, Any]:
        """Without personal data, for /status."""
        problems = []
        if self._watch_trouble is not None:
            problems.append(f"the dialplan folder is not live: {self._watch_trouble}")
        if not self._ami.connected:
            problems.append(self._ami.trouble)
        return {
            "ready": not self._is_ending,
            "business_clock": self._installation.clock.now().isoformat(),
            "centres": {centre.id: centre.version for centre in self._centres.all},
            "sessions": self._agi.live,
            "turns": self._engine.turns.to_json(),
            "agi_refused": self._agi.refused,
            "ami_connected": self._ami.connected,
            "board": self._board.snapshot.to_json(),
            "problems": problems,
        }

    async def _give(self, which: str, who: str, why: str) -> tuple[str, str, Iterator[bytes]]:
        async with self._installation.handout() as handout:
            handed = await handout.give(which, who=who, why=why)
        return handed.file, handed.sha256, handed.pieces

    async def _reload(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        done = await self._change.reload(who=need_text(body, "who"), note=need_text(body, "note"))
        self._watch_trouble = None
        return done

    async def _roll_back(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        return await self._change.roll_back(
            centre=need_text(body, "centre"),
            version=need_text(body, "version") or None,
            who=need_text(body, "who"),
            note=need_text(body, "note"),
        )

    async def _lead(self) -> None:
        """As long as no other controller does: what one process of the installation does for all."""
        async with held(self._installation.layout.leader_lock, poll_s=LEADER_LOOK_S), asyncio.TaskGroup() as parts:
            parts.create_task(self._change.retire())
            if self._installation.settings.watch:
                parts.create_task(self._follow_folder())

    async def _follow_folder(self) -> None:
        """`ivr reload` after each change of the folder, as a process of its own: checking and rendering take time."""
        settings = self._installation.settings
        watch = FolderWatch((settings.dialplans, settings.prompts), (".yaml", ".yml", ".wav"))
        async for _ in watch.changes():
            child = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "ivr", "reload", "--note", "the folder changed"),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            told, _ = await child.communicate()
            if child.returncode != 0:
                self._watch_trouble = told.decode(errors="replace").partition("\n")[0]
                log.warning("the changed folder was refused", extra={"reason": self._watch_trouble})

    async def _call(self, connection: AgiConnection, header: Header) -> None:
        await self._live.follow()
        arrival = arrival_of(header)
        if arrival.state and not (arrival.left_queue or arrival.left_dial):
            log.info("call taken over", extra={"call_id": arrival.call})
        await self._engine.run(AgiLine(connection, self._folders), arrival)

    async def _agent(self, connection: AgiConnection, header: Header) -> None:
        await self._live.follow()
        action, agent = (*header.arguments, "", "")[:2]
        await self._desk.serve(AgiDesk(connection, self._folders), self._centres.all, agent, action)


async def run_controller(name: str, installation: Installation) -> None:
    """Runs one controller. Raises OperatorError when a port is taken, AuthorError for wrong dialplans."""
    logs.configure()
    await Controller(name, installation).run()
