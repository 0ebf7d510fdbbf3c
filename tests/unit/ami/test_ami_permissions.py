"""manager.conf lets through what the controller understands: no event is missing there, none is sent for nothing."""

from __future__ import annotations

import re
from pathlib import Path

from ivr.adapters.ami.switch import EVENTS

TEMPLATE = Path(__file__).parents[3] / "asterisk-config" / "templates" / "manager.conf.j2"


def test_the_filter_is_what_is_understood():
    text = TEMPLATE.read_text(encoding="utf-8")
    listed = re.search(r"{% for event in \[(.*?)\] %}", text, re.DOTALL)
    assert listed is not None
    names = set(re.findall(r'"(\w+)"', listed[1])) | set(re.findall(r"eventfilter\(name\((\w+)\)", text))
    assert names == EVENTS


def test_nothing_can_be_done_only_asked():
    """`reporting` has no action that changes anything; test_ami_asterisk.py tries."""
    text = TEMPLATE.read_text(encoding="utf-8")
    assert re.findall(r"^(write|read) = (.*)$", text, re.MULTILINE) == [("read", "call,agent"), ("write", "reporting")]
