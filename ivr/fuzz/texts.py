"""Cases for files that people write: YAML of every kind of damage."""

from __future__ import annotations

from functools import cache

from ivr.dialplan.loader import parse
from ivr.fuzz.kind import Kind, hold
from ivr.fuzz.source import Source
from ivr.settings import CHECKOUT

_PIECES = (
    *("\n", "\n  ", "\n    ", "a", "가", "b: ", ": ", "- ", "{", "}", "[", "]", ",", "#", "&x ", "*x", "!t "),
    *('"', "'", "|", ">", "? ", "<<: ", "---\n", "...\n", "%TAG ! x\n", "\\x00", "\t", "\r", "\x85", "@", "`", "18:00"),
)
_EXCERPT = 30


@cache
def _lines() -> tuple[bytes, ...]:
    folder = CHECKOUT / "dialplans" / "120"
    return tuple(b"\n".join((folder / name).read_bytes() for name in ("centre.yaml", "flow.yaml")).split(b"\n"))


def yaml_file(source: Source) -> None:
    """Any bytes are a document or problems, each of them with its place and words."""
    if source.chance() < 0.5:
        start = source.whole(0, len(_lines()) - 1)
        raw = source.damaged(b"\n".join(_lines()[start : start + source.whole(1, _EXCERPT)]))
    else:
        raw = "".join(source.one_of(_PIECES) for _ in range(source.whole(0, 40))).encode()
    found, problems = parse(raw, "fuzz.yaml")
    hold(found is not None or bool(problems), "YAML: neither a document nor a problem")
    hold(all(each.line >= 1 and each.column >= 1 and str(each) for each in problems), "YAML: a problem without a place")


KINDS = (Kind(name="yaml", case=yaml_file, share=1),)
