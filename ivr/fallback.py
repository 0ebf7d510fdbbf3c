"""The local AGI: a process that serves one call when no controller answers, on the same engine and line.

Asterisk runs it by the launcher `var/asterisk/data/agi-bin/ivr-local` (`ivr.adapters.runtime.local_agi`). Each call
pays for its start, so it imports no more than a call needs: no asyncio (it waits for its own caller only), no YAML, no
HTTP. Lookups therefore take their error branch.

When it cannot serve a call it ends without setting IVR_NEXT, and the dialplan takes a message by itself.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import sys
from datetime import UTC, datetime
from io import TextIOWrapper
from pathlib import Path
from types import TracebackType
from typing import Any

from ivr.adapters.agi import variables
from ivr.adapters.agi.codec import Header, ProtocolError
from ivr.adapters.agi.line import AgiDesk, AgiLine, Folders, arrival_of
from ivr.adapters.agi.local import LocalConnection
from ivr.adapters.clock import SystemClock
from ivr.adapters.emergencies import EmergencyFile
from ivr.adapters.keys import KeyRing
from ivr.adapters.runtime.layout import Layout
from ivr.adapters.vault import KeyVault
from ivr.adapters.versions import VersionStore
from ivr.engine.agent_desk import AgentDesk
from ivr.engine.at_once import run_to_end
from ivr.engine.emergencies import CentresInEmergency
from ivr.engine.session import Engine
from ivr.errors import HungUp, IvrError, OperatorError
from ivr.kept_centres import KeptCentres

log = logging.getLogger("ivr.fallback")


class LocalAgi:
    """The parts of one process, wired."""

    def __init__(self, layout: Layout) -> None:
        self._centres = KeptCentres(VersionStore(layout.versions))
        self._vault = KeyVault.from_file(layout.seal_key, KeyRing(secrets=layout.centre_keys, keys=layout.keys))
        self._folders = Folders(prompts=layout.prompts, recordings=layout.recordings, spoken=layout.spoken)
        self._layout = layout

    def check(self) -> None:
        """Raises IvrError when no call could be served."""
        self._centres.all()

    async def call(self, connection: LocalConnection) -> None:
        """Drives the caller until the flow lets go of them. Raises IvrError."""
        engine = Engine(
            centres=CentresInEmergency(self._centres, EmergencyFile(self._layout.emergencies)),
            vault=self._vault,
            clock=SystemClock(self._layout.clock),
        )
        # Not by the command line, which everybody on the machine can read.
        state, event = await connection.variable(variables.STATE), await connection.variable(variables.EVENT)
        header = Header({**connection.header.fields, "agi_arg_1": state, "agi_arg_2": event})
        await engine.run(AgiLine(connection, self._folders), arrival_of(header))

    async def agent(self, connection: LocalConnection, action: str, agent: str) -> None:
        """Serves an agent's service code. Raises IvrError."""
        desk = AgiDesk(connection, self._folders)
        await AgentDesk(self._vault).serve(desk, self._centres.all(), agent, action)


def main() -> int:
    """`call`, `agent <action> <agent>` or `check`; the exit code is for people: Asterisk looks at IVR_NEXT."""
    gc.enable()
    _log_to_stderr()
    try:
        _serve(LocalAgi(Layout(var=Path(os.environ["IVR_VAR"]))), sys.argv[1:])
    except HungUp:
        return 0
    except (IvrError, ProtocolError) as error:
        log.warning("the local AGI gave up", extra={"reason": str(error)})
        return 1
    except Exception:  # the outermost place: the dialplan sees no IVR_NEXT and takes care of the caller
        log.exception("the local AGI failed")
        return 1
    return 0


def _serve(agi: LocalAgi, words: list[str]) -> None:
    if words == ["check"]:
        agi.check()
        return
    # Whatever Asterisk sends, a bad byte in a caller's name included, is text.
    stdin = TextIOWrapper(sys.stdin.buffer, encoding="utf-8", errors="replace", newline="\n")
    stdout = TextIOWrapper(sys.stdout.buffer, encoding="utf-8", newline="\n")
    connection = LocalConnection(stdin, stdout)
    log.info("no controller: a local AGI serves", extra={"call_id": connection.header.get("uniqueid")})
    match words:
        case ["call"]:
            run_to_end(agi.call(connection))
        case ["agent", action, agent]:
            run_to_end(agi.agent(connection, action, agent))
        case _:
            raise OperatorError("say call, agent or check")


class _Line(logging.Formatter):
    """One JSON object; of an exception only its kind and place, for its text may hold what a caller typed."""

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **{name: getattr(record, name) for name in ("call_id", "node", "reason") if hasattr(record, name)},
        }
        if record.exc_info and record.exc_info[0] is not None:
            fields["exception"] = record.exc_info[0].__name__
            fields["at"] = _places(record.exc_info[2])
        return json.dumps(fields, ensure_ascii=False)


def _places(trace: TracebackType | None) -> list[str]:
    found = []
    while trace is not None:
        found.append(f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}")
        trace = trace.tb_next
    return found


def _log_to_stderr() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Line())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
