"""A controller follows what another one made live; what cannot be read changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from ivr.adapters.versions import Live, State, VersionStore
from ivr.domain.centre import Centre
from ivr.engine.centres import LiveCentres
from ivr.live_versions import LiveVersions
from ivr.publisher import Publisher
from ivr.testing.centres import small_centre


class Compiler(Publisher):
    """A publisher whose centres need no YAML."""

    def __init__(self, store: VersionStore) -> None:
        super().__init__(dialplans=Path("nowhere"), store=store, prompts=dict)
        self.known = {version: small_centre(version=version) for version in ("v1", "v2", "v3")}
        self.compiled = 0

    def live(self) -> Mapping[str, Centre]:
        self.compiled += 1
        return {name: self.known[live.version] for name, live in self.store.state().live.items()}


@pytest.fixture
def publisher(tmp_path: Path) -> Compiler:
    found = Compiler(VersionStore(tmp_path))
    found.store.set_state(State(live={"small": Live(version="v1")}))
    return found


@pytest.fixture
def live(publisher: Compiler) -> LiveVersions:
    return LiveVersions(publisher, LiveCentres([publisher.known["v1"]]))


def version_of(live: LiveVersions) -> str:
    return live.centres.all[0].version


async def test_the_next_call_has_what_another_process_made_live(publisher: Compiler, live: LiveVersions) -> None:
    await live.follow()
    assert (version_of(live), publisher.compiled) == ("v1", 0)
    publisher.store.set_state(State(live={"small": Live(version="v2")}))
    await live.follow()
    await live.follow()
    assert (version_of(live), publisher.compiled) == ("v2", 1)
    assert live.centres.find_version("small", "v1") is publisher.known["v1"]


async def test_a_change_of_other_things_compiles_nothing(publisher: Compiler, live: LiveVersions) -> None:
    await live.follow()
    publisher.store.set_state(replace(publisher.store.state(), live={"small": Live(version="v1", put_aside="v3")}))
    await live.follow()
    assert publisher.compiled == 0


@pytest.mark.parametrize("spoil", [lambda path: path.write_text("{"), lambda path: path.unlink()])
async def test_what_cannot_be_read_leaves_the_centres_as_they_are(
    publisher: Compiler, live: LiveVersions, tmp_path: Path, spoil: Callable[[Path], object]
) -> None:
    await live.follow()
    spoil(tmp_path / "live.json")
    await live.follow()
    assert version_of(live) == "v1"
    publisher.store.set_state(State(live={"small": Live(version="v3")}))
    await live.follow()
    assert version_of(live) == "v3"
