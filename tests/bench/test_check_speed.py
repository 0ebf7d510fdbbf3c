"""How long a check of a large centre takes, beside reading the same bytes with PyYAML alone (baseline `safe_load`)."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from ivr.dialplan.compiler import load_centre
from ivr.dialplan.problem import report
from ivr.domain import saying
from ivr.settings import CHECKOUT

BASE = CHECKOUT / "tests" / "data" / "wrong" / "_base"
PROMPTS = frozenset(
    ("apology", "ask_message", "ask_number", "bye", "hello", "main", "review", "silence", "will_call", "wrong_key")
)
KNOWN_PROMPTS = {language: PROMPTS | saying.keys(language) for language in ("ko", "en")}
BLOCKS = 200
TARGET_S = 1.0
"""For a thousand nodes on the project's machine; printed, because other machines differ."""
ROUNDS = 3

BLOCK = """\
  menu_{n}:
    menu: main
    choices:
      1: {{category: pension, next: number_{n}, say: {{ko: [연금], en: [pension]}}}}
      2: {{set: {{topic: payment}}, next: say_{n}}}
      9: menu_{n}
  number_{n}:
    collect: ask_number
    digits: 8-11
    check: phone
    personal: yes
    into: number
    read_back: [main, {{digits: number}}, review]
    next: say_{n}
  say_{n}: {{play: [hello, main], next: about_{n}}}
  about_{n}:
    choose: category
    cases: {{pension: wait_{n}}}
    otherwise: wait_{n}
  wait_{n}:
    queue: pension
    keys: {{1: {after}}}
    no_agents: {after}
    timeout: {after}
"""


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A centre of a thousand nodes of the usual kinds, one after the other."""
    folder = tmp_path / "120"
    folder.mkdir()
    end = "  bye:\n    end: bye\n"
    head = (BASE / "flow.yaml").read_text(encoding="utf-8").replace(end, "").replace("timeout: bye", "timeout: menu_0")
    blocks = (BLOCK.format(n=n, after="bye" if n == BLOCKS - 1 else f"menu_{n + 1}") for n in range(BLOCKS))
    (folder / "flow.yaml").write_text(head + "".join(blocks) + end, encoding="utf-8")
    (folder / "centre.yaml").write_bytes((BASE / "centre.yaml").read_bytes())
    return folder


def best(play: Callable[[], object]) -> float:
    """Seconds of processor time, the best of some rounds."""
    found = float("inf")
    for _ in range(ROUNDS):
        began = time.process_time()
        play()
        found = min(found, time.process_time() - began)
    return found


def test_check_of_a_thousand_nodes(large: Path, capsys: pytest.CaptureFixture[str]) -> None:
    loaded = load_centre(large, KNOWN_PROMPTS)
    assert report(loaded.problems) == ""
    nodes = len(loaded.centres["120"].flow.nodes)
    assert nodes >= 1000
    text = (large / "flow.yaml").read_text(encoding="utf-8")
    check = best(lambda: load_centre(large, KNOWN_PROMPTS))
    alone = best(lambda: yaml.safe_load(text))
    with capsys.disabled():
        sys.stdout.write(
            f"\ncheck: {nodes} nodes in {check:.2f} s (target {TARGET_S:g} s); baseline `safe_load` {alone:.2f} s\n"
        )
    assert check < 4 * TARGET_S, "far from the target on any machine"
