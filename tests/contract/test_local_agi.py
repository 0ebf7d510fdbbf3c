"""Whole calls through the program that Asterisk runs when no controller answers, with a fake Asterisk on its pipes."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from datetime import datetime
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from ivr.adapters.agi.codec import Header
from ivr.adapters.agi.line import AgiLine, Folders, arrival_of
from ivr.adapters.agi.server import AgiConnection
from ivr.adapters.clock import set_offset
from ivr.adapters.emergencies import EmergencyFile, Order
from ivr.adapters.runtime.layout import Layout
from ivr.adapters.runtime.local_agi import check_launcher, write_launcher
from ivr.adapters.versions import Live, Publication, State, VersionStore
from ivr.compiled import to_text
from ivr.domain.centre import Centre
from ivr.engine.session import NOT_IN_SERVICE
from ivr.testing.caller import moves_from_keys
from ivr.testing.centres import CLOSED_AT, OPEN_AT, small_centre
from ivr.testing.fake_asterisk import FakeAsterisk

from .conftest import ENOUGH, serving
from .test_whole_calls import CALLER, SCRIPTS, engine, heard, on_fake_line, story

KEY = bytes(range(32))
"""That of the other whole calls, so that a state goes from one to the other."""


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory, prompts: Path) -> Layout:
    """An installation with one centre that is live. The launcher's first start compiles what it imports."""
    layout = Layout(var=tmp_path_factory.mktemp("var"))
    layout.create()
    layout.prompts.rmdir()
    layout.prompts.symlink_to(prompts)
    layout.seal_key.write_text(KEY.hex(), encoding="ascii")
    keep(layout, small_centre(), at=OPEN_AT)
    write_launcher(layout)
    assert check_launcher(layout) is None
    return layout


def keep(layout: Layout, centre: Centre, *, at: datetime, text: str | None = None) -> None:
    """Makes the centre live, as the publisher does."""
    store = VersionStore(layout.versions)
    folder = layout.var / "folder"
    folder.mkdir(exist_ok=True)
    (folder / "flow.yaml").touch()
    store.keep(centre.id, centre.version, folder, {})
    store.note(centre.id, centre.version, Publication(at=at, who="kim", how="start"))
    store.put_compiled(centre.id, centre.version, to_text(centre, at.date()) if text is None else text)
    store.set_state(State(live={**store.state().live, centre.id: Live(version=centre.version)}))


async def on_program(layout: Layout, at: datetime, keys: list[str], dnis: str = "120", **options: Any) -> FakeAsterisk:
    set_offset(layout.clock, at)
    program = (str(layout.local_agi),)
    channel = FakeAsterisk(program=program, moves=moves_from_keys(keys), caller=CALLER, **options)
    await asyncio.wait_for(channel.place_call(dnis=dnis), 3 * ENOUGH)
    return channel


def told(journal: list[dict[str, Any]], call_id: str = "n1-1.0") -> Any:
    """To the minute, for the clock is running here; the call by one name."""
    text = json.dumps(story(journal)).replace(call_id, "n1-1.0")
    return json.loads(re.sub(r"(T\d\d:\d\d):[\d.]+(?:[+-]\d\d:\d\d)?", r"\1", text))


@pytest.mark.parametrize("name", SCRIPTS)
async def test_the_same_call_as_on_the_fake_line(layout: Layout, name: str) -> None:
    at, keys = SCRIPTS[name]
    call_id = f"n1-{[*SCRIPTS].index(name)}.0"  # recordings have its name
    fake, local = await on_fake_line(at, keys), await on_program(layout, at, keys, call_id=call_id)
    assert told(local.journal, call_id) == told(fake.journal)
    assert heard(local) == fake.heard
    assert (local.answered, local.hung_up, local.moves) == (fake.answered, fake.hung_up, fake.moves)


@pytest.mark.parametrize("how", ["hang_up_at", "drop_at"])
async def test_a_hang_up_or_a_death_at_any_command(layout: Layout, how: str) -> None:
    """As with FastAGI: one end, and a caller whose process died goes on where they were."""
    at, keys = SCRIPTS["agent and survey"]
    calm = await on_program(layout, at, keys)
    for number in range(0, len(calm.commands), 2):
        channel = await on_program(layout, at, keys, **{how: number})
        ends = [note for note in story(channel.journal) if note["k"] == "end"]
        without_us = channel.commands[-1].startswith(("ANSWER", "NOOP", "EXEC MSet", "GET VARIABLE"))
        assert len(ends) == (0 if how == "hang_up_at" and without_us else 1), f"at {channel.commands[number]}"
        if how == "drop_at":
            assert told(channel.journal) == told(calm.journal)


class Alternating(FakeAsterisk):
    """Enters at a controller and at the local AGI by turns."""

    turns: Iterator[tuple[str, ...]]

    async def request(self, script: str, *arguments: str, extension: str = "120") -> None:
        self.program = next(self.turns)
        # Each has its own way of being told the arguments.
        await FakeAsterisk.request(self, script, *arguments, extension=extension)


@pytest.mark.parametrize("local_first", [True, False])
async def test_a_call_goes_from_a_controller_to_the_local_agi_and_back(
    layout: Layout, folders: Folders, local_first: bool
) -> None:
    """Whoever dies, and whoever is there when the caller comes back from the queue."""
    at, keys = SCRIPTS["agent and survey"]
    calm = await on_fake_line(at, keys)
    set_offset(layout.clock, at)
    running = engine(at)

    async def handler(connection: AgiConnection, header: Header) -> None:
        await running.run(AgiLine(connection, folders), arrival_of(header))

    local: tuple[str, ...] = (str(layout.local_agi),)
    async with serving(handler) as server:
        for number in range(0, 40, 3):
            channel = Alternating(
                host=server.host, port=server.port, moves=moves_from_keys(keys), caller=CALLER, drop_at=number
            )
            channel.turns = cycle((local, ()) if local_first else ((), local))
            await asyncio.wait_for(channel.place_call(), ENOUGH)
            assert told(channel.journal) == told(calm.journal), f"lost at {number}"


async def test_nothing_personal_is_in_any_command_or_log(layout: Layout) -> None:
    at, keys = SCRIPTS["closed, typed number"]
    channel = await on_program(layout, at, keys, call_id="n1-7.0")
    sent = "\n".join(channel.commands) + repr(channel.journal) + layout.log_file("fallback").read_text()
    assert not [text for text in (CALLER, "900101", "900102", "0212345678") if text in sent]
    assert channel.call_id in sent


async def test_a_number_that_no_centre_has(layout: Layout) -> None:
    channel = await on_program(layout, OPEN_AT, [], dnis="999")
    assert heard(channel) == [f"{NOT_IN_SERVICE}@{language}" for language in small_centre().languages]


async def test_an_emergency_order_holds(layout: Layout) -> None:
    file = EmergencyFile(layout.emergencies)
    until = OPEN_AT.replace(hour=17)
    file.add(Order(centre="small", order="close", since=OPEN_AT, until=until, by="kim", reason="fire"))
    try:
        channel = await on_program(layout, OPEN_AT.replace(minute=5), SCRIPTS["cancelled"][1])
    finally:
        layout.emergencies.unlink()
    results = [note.get("result") for note in story(channel.journal)]
    assert "closed:emergency" in results


async def test_an_agents_code(layout: Layout) -> None:
    phone = FakeAsterisk(program=(str(layout.local_agi),))
    await asyncio.wait_for(phone.request("agent", "login", "1001"), ENOUGH)
    assert [application for application, _ in phone.executed] == ["AddQueueMember", "AddQueueMember"]
    assert phone.heard == ["agent_logged_in@ko"]
    assert phone.variables["IVR_NEXT"] == "done"


async def test_without_a_readable_version_the_dialplan_has_the_call(layout: Layout) -> None:
    """Damaged: the older one serves. None that can be read: IVR_NEXT stays empty, nothing is said."""
    good, at = small_centre(), CLOSED_AT
    newer = small_centre(version="bbbbbbbbbbbb")
    keep(layout, newer, at=at, text=to_text(newer, at.date())[:-5])
    try:
        channel = await on_program(layout, OPEN_AT, SCRIPTS["hang-up at once"][1])
        assert [note["version"] for note in story(channel.journal) if note["k"] == "enter"] == [good.version]
        VersionStore(layout.versions).put_compiled(good.id, good.version, "nonsense")
        mute = FakeAsterisk(program=(str(layout.local_agi),))
        await asyncio.wait_for(mute.request("call", "", ""), ENOUGH)
        assert mute.variables.get("IVR_NEXT", "") == ""
        assert mute.heard == []
        assert str(check_launcher(layout)).startswith("with no controller, callers would only hear an apology")
    finally:
        keep(layout, good, at=OPEN_AT)
