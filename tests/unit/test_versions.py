"""Versions on disk: kept whole, told by whom, gone back to, pruned."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ivr.adapters.versions import NEWEST_KEPT, Live, Publication, Retiring, State, VersionStore, with_channels
from ivr.errors import OperatorError

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
PROMPTS = {"ko": {"hello"}, "en": {"hello", "bye"}}


@pytest.fixture
def store(tmp_path: Path) -> VersionStore:
    return VersionStore(tmp_path / "versions")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "120"
    (folder / "scenarios").mkdir(parents=True)
    (folder / "centre.yaml").write_text("title: {ko: 가}\n", encoding="utf-8")
    (folder / "scenarios" / "open.yaml").write_text("at: x\n", encoding="utf-8")
    (folder / "notes.txt").write_text("not ours", encoding="utf-8")
    return folder


def publish(store: VersionStore, source: Path, version: str, at: datetime, how: str = "reload") -> None:
    store.keep("120", version, source, PROMPTS)
    store.note("120", version, Publication(at=at, who="kim", how=how, note="연휴"))


def test_a_version_is_kept_as_it_was(store: VersionStore, source: Path) -> None:
    publish(store, source, "aaa", NOW)
    (source / "centre.yaml").write_text("other", encoding="utf-8")
    store.keep("120", "aaa", source, PROMPTS)
    folder = store.find_folder("120", "aaa")
    assert folder is not None
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    assert files == ["centre.yaml", "meta.json", "scenarios/open.yaml"]
    assert (folder / "centre.yaml").read_text(encoding="utf-8") == "title: {ko: 가}\n"
    (version,) = store.list_versions("120")
    assert version.publications == (Publication(at=NOW, who="kim", how="reload", note="연휴"),)
    assert version.prompts == {"ko": frozenset({"hello"}), "en": frozenset({"hello", "bye"})}


def test_half_a_version_of_a_killed_process_is_none(store: VersionStore, source: Path, tmp_path: Path) -> None:
    half = tmp_path / "versions" / "120" / "aaa"
    half.mkdir(parents=True)
    (half / "centre.yaml").write_text("half", encoding="utf-8")
    assert store.find_folder("120", "aaa") is None
    publish(store, source, "aaa", NOW)
    assert (half / "centre.yaml").read_text(encoding="utf-8") == "title: {ko: 가}\n"


@pytest.mark.parametrize(
    ("centre", "version"), [("120", "../120/aaa"), ("../versions/120", "aaa"), (".", "120/aaa"), ("120/aaa", ".")]
)
def test_names_from_a_saved_state_lead_nowhere_else(
    store: VersionStore, source: Path, centre: str, version: str
) -> None:
    publish(store, source, "aaa", NOW)
    assert store.find_folder(centre, version) is None


def test_the_state_is_what_was_set(store: VersionStore) -> None:
    assert store.state() == State()
    state = State(
        live={"120": Live(version="bbb", put_aside="ccc")},
        retiring=(Retiring(centre="120", version="ccc", channels=frozenset({"n1-1.0"})),),
    )
    store.set_state(state)
    assert store.state() == state


def test_a_version_going_out_of_use_waits_for_the_channels_that_were_up_after_the_change(store: VersionStore) -> None:
    looked = Retiring(centre="120", version="bbb", channels=frozenset({"n1-1.0"}))
    store.set_state(State(retiring=(looked, Retiring(centre="120", version="ccc"))))
    seen = with_channels(store.state(), frozenset({"n1-2.0"}))
    assert [each.channels for each in seen.retiring] == [frozenset({"n1-1.0"}), frozenset({"n1-2.0"})]


@pytest.mark.parametrize("text", ["", "[]", '{"live": {}}', '{"live": {"120": {}}, "retiring": []}', "\xff"])
def test_a_damaged_state_says_what_to_do(store: VersionStore, tmp_path: Path, text: str) -> None:
    store.set_state(State())
    (tmp_path / "versions" / "live.json").write_text(text, encoding="latin-1")
    with pytest.raises(OperatorError, match=r"live\.json is damaged: delete it"):
        store.state()


def test_a_damaged_version_is_named(store: VersionStore, source: Path) -> None:
    publish(store, source, "aaa", NOW)
    folder = store.find_folder("120", "aaa")
    assert folder is not None
    (folder / "meta.json").write_text("{}", encoding="utf-8")
    with pytest.raises(OperatorError, match=r"aaa/meta\.json is damaged"):
        store.list_versions()


def test_the_last_published_comes_first_and_a_rollback_makes_nothing_new(store: VersionStore, source: Path) -> None:
    publish(store, source, "aaa", NOW, how="start")
    publish(store, source, "bbb", NOW + timedelta(hours=1))
    publish(store, source, "aaa", NOW + timedelta(hours=2), how="rollback")
    first, second = store.list_versions()
    assert (first.version, second.version) == ("aaa", "bbb")
    assert (first.written, first.latest) == (NOW, NOW + timedelta(hours=2))


def test_old_versions_go_but_not_the_newest_nor_those_in_use(store: VersionStore, source: Path) -> None:
    names = [f"v{number:02d}" for number in range(NEWEST_KEPT + 4)]
    for days, name in enumerate(names):
        publish(store, source, name, NOW + timedelta(days=days))
    store.set_state(
        State(
            live={"120": Live(version="v00")}, retiring=(Retiring(centre="120", version="v01", channels=frozenset()),)
        )
    )
    later = NOW + timedelta(days=100)
    assert store.prune(later, keep_days=200) == ()
    assert sorted(each.version for each in store.prune(later, keep_days=30)) == ["v02", "v03"]
    assert {each.version for each in store.list_versions()} == set(names) - {"v02", "v03"}
