"""From the folder to what is live: checked, kept, gone back to."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from ivr.adapters.prompts.catalogue import load_catalogue
from ivr.adapters.versions import Retiring, VersionStore
from ivr.errors import AuthorError, OperatorError
from ivr.publisher import Publisher

ROOT = Path(__file__).resolve().parents[2]
PROMPTS = {language: load_catalogue(ROOT / "prompts", language).keys() for language in ("ko", "en")}
BEGIN = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "dialplans" / "120", tmp_path / "dialplans" / "120")
    return tmp_path / "dialplans"


@pytest.fixture
def publisher(tmp_path: Path, folder: Path) -> Publisher:
    """Each look at the clock is a minute after the one before."""
    minutes = count()
    store = VersionStore(tmp_path / "versions")
    return Publisher(
        dialplans=folder, store=store, prompts=lambda: PROMPTS, now=lambda: BEGIN + timedelta(minutes=next(minutes))
    )


def start(publisher: Publisher) -> str:
    edition = publisher.edition_at_start()
    publisher.keep(edition)
    publisher.make_live(edition, who="kim", note="")
    return edition.centres["120"].version


def reload(publisher: Publisher, note: str = "") -> str:
    edition = publisher.edition_of_folder()
    publisher.keep(edition)
    publisher.make_live(edition, who="lee", note=note)
    return edition.centres["120"].version


def roll_back(publisher: Publisher, version: str | None = None) -> str:
    edition = publisher.edition_rolled_back("120", version)
    publisher.make_live(edition, who="park", note="")
    return edition.centres["120"].version


@pytest.fixture
def edit(folder: Path) -> Callable[[], None]:
    """Another version of the folder each time."""
    numbers = count(1)

    def change() -> None:
        with (folder / "120" / "centre.yaml").open("a", encoding="utf-8") as file:
            file.write(f"# {next(numbers)}\n")

    return change


def test_what_was_live_is_live_after_a_restart_whatever_the_folder_is_by_then(
    publisher: Publisher, folder: Path
) -> None:
    version = start(publisher)
    (folder / "120" / "flow.yaml").write_text("half a fi", encoding="utf-8")
    assert publisher.live()["120"].version == version
    found = publisher.find_version("120", version)
    assert found is not None
    assert found.flow.nodes.keys() == publisher.live()["120"].flow.nodes.keys()


def test_a_wrong_folder_is_refused_with_its_line_and_all_stays(publisher: Publisher, folder: Path) -> None:
    version = start(publisher)
    flow = folder / "120" / "flow.yaml"
    flow.write_text(flow.read_text(encoding="utf-8").replace("next: language", "next: langage", 1), encoding="utf-8")
    with pytest.raises(AuthorError, match=rf"{flow}:\d+:\d+: .*langage"):
        publisher.edition_of_folder()
    assert {name: live.version for name, live in publisher.store.state().live.items()} == {"120": version}


def test_a_reload_says_who_and_why_once_for_each_version(publisher: Publisher, edit: Callable[[], None]) -> None:
    first = start(publisher)
    edit()
    second = reload(publisher, "연휴 안내")
    reload(publisher, "nothing new")
    told = {
        each.version: [(p.who, p.how, p.note) for p in each.publications] for each in publisher.store.list_versions()
    }
    assert told == {first: [("kim", "start", "")], second: [("lee", "reload", "연휴 안내")]}


def test_going_back_twice_goes_two_versions_back(publisher: Publisher, edit: Callable[[], None]) -> None:
    versions = [start(publisher)]
    for _ in range(2):
        edit()
        versions.append(reload(publisher))
    assert roll_back(publisher) == versions[1]
    assert roll_back(publisher) == versions[0]
    with pytest.raises(OperatorError, match="no earlier version"):
        roll_back(publisher)
    assert roll_back(publisher, versions[2]) == versions[2]
    with pytest.raises(OperatorError, match="is live already"):
        roll_back(publisher, versions[2])
    with pytest.raises(OperatorError, match="no version 'abc'"):
        roll_back(publisher, "abc")


def test_a_rollback_holds_over_a_start_until_the_next_reload(publisher: Publisher, edit: Callable[[], None]) -> None:
    first = start(publisher)
    edit()
    second = reload(publisher)
    roll_back(publisher)
    assert publisher.store.state().live["120"].put_aside == second
    assert start(publisher) == first
    assert publisher.store.state().live["120"].put_aside == second
    assert reload(publisher) == second
    assert publisher.store.state().live["120"].put_aside is None


def test_a_wrong_folder_does_not_hinder_going_back(
    publisher: Publisher, folder: Path, edit: Callable[[], None]
) -> None:
    first = start(publisher)
    edit()
    reload(publisher)
    (folder / "120" / "flow.yaml").write_text("nodes: {", encoding="utf-8")
    assert roll_back(publisher) == first


def test_no_rollback_to_a_number_that_another_centre_has_by_now(publisher: Publisher, folder: Path) -> None:
    start(publisher)
    shutil.move(folder / "120", folder / "130")
    (edition,) = [publisher.edition_of_folder()]
    publisher.keep(edition)
    publisher.make_live(edition, who="lee", note="")
    assert set(publisher.live()) == {"130"}
    with pytest.raises(AuthorError, match="the number 120 is answered by"):
        publisher.edition_rolled_back("120")


def test_a_version_whose_prompt_is_gone_serves_its_calls_but_cannot_be_live_again(
    tmp_path: Path, folder: Path, publisher: Publisher, edit: Callable[[], None]
) -> None:
    first = start(publisher)
    edit()
    reload(publisher)
    fewer = {language: keys - {"main_menu"} for language, keys in PROMPTS.items()}
    later = Publisher(dialplans=folder, store=publisher.store, prompts=lambda: fewer)
    assert later.find_version("120", first) is not None
    with pytest.raises(AuthorError, match="main_menu"):
        later.edition_rolled_back("120")


def test_an_altered_version_is_not_taken_for_what_was_kept(publisher: Publisher) -> None:
    version = start(publisher)
    kept = publisher.store.find_folder("120", version)
    assert kept is not None
    with (kept / "flow.yaml").open("a", encoding="utf-8") as file:
        file.write("# altered\n")
    assert publisher.find_version("120", version) is None
    with pytest.raises(OperatorError, match="is not what was kept there"):
        publisher.live()
    # The next start keeps it anew from the folder.
    assert start(publisher) == version
    assert publisher.live()["120"].version == version


def test_versions_going_out_of_use_are_known_until_they_are_retired(
    publisher: Publisher, edit: Callable[[], None]
) -> None:
    first = start(publisher)
    edit()
    edition = publisher.edition_of_folder()
    publisher.keep(edition)
    leaving = Retiring(centre="120", version=first, channels=frozenset({"n1-1.0"}))
    publisher.make_live(edition, who="lee", note="", retiring=[leaving])
    assert [centre.version for centre in publisher.retiring()] == [first]
    assert start(publisher) != first
    assert [centre.version for centre in publisher.retiring()] == [first]
