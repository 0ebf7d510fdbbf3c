"""The bench's own installation: the shipped flow with enough agents, and the baseline beside it in the same Asterisk.

It lies in var/bench and uses free ports, so that it runs beside a system that is up.
"""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import yaml

from ivr.bootstrap import Installation
from ivr.settings import Settings, load_settings

CENTRE = "120"
QUEUE = "pension"
"""The queue that the bench's callers come to."""
BASELINE_NUMBER = "121"
ASTERISK_RTP = (40_000, 59_998)
SIPP_RTP = (30_000, 39_999)
"""Room for some thousand calls on either side; a port that somebody else has is passed over by both."""
FIRST_AGENT = 3001


def open_lab(agents: int) -> Installation:
    """Writes the bench's folders and says what is installed there. As root, becomes the unprivileged user."""
    outer = load_settings()
    var = outer.var / "bench"
    inner = load_settings(
        var=var,
        ports="free",
        database_url=None,
        dialplans=var / "dialplans",
        asterisk_config=var / "asterisk-config",
        qualify_s=0,
    )
    first, last = ASTERISK_RTP
    installation = Installation(
        inner.listening_at(dataclasses.replace(inner.listening, rtp_first=first, rtp_last=last))
    )
    installation.become_owner()
    _begin_anew(installation)
    _write_centre(outer, inner.dialplans / CENTRE, agents)
    _write_asterisk_config(outer, installation)
    return installation


def agents_of(installation: Installation) -> tuple[str, ...]:
    """SIP users of the bench's agents."""
    return tuple(installation.centres[0].agents)


def _begin_anew(installation: Installation) -> None:
    """A record and a journal without the calls of an earlier run. Prompts and secrets stay."""
    layout = installation.layout
    if installation.asterisk.find() is None:
        for folder in (layout.journal.parent, layout.recordings, layout.postgres, layout.asterisk_lib):
            shutil.rmtree(folder, ignore_errors=True)
        layout.create()


def _write_centre(outer: Settings, target: Path, agents: int) -> None:
    """The shipped centre, word for word but for who serves: `agents` people without wrap-up, all in one queue."""
    source = outer.dialplans / CENTRE
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    shutil.copyfile(source / "flow.yaml", target / "flow.yaml")
    # As the loader of centres does, every scalar is text: no 09:00-18:00 turns into a number on the way.
    centre = yaml.load((source / "centre.yaml").read_text(encoding="utf-8"), yaml.BaseLoader)  # noqa: S506
    centre["queues"][QUEUE]["wrap_up"] = "0s"
    everyone = {str(FIRST_AGENT + place): {QUEUE: "1"} for place in range(agents)}
    everyone[str(FIRST_AGENT)] |= dict.fromkeys(centre["queues"], "1")
    centre["agents"] = {
        number: {"name": f"Bench {number}", "language": "ko", "queues": queues} for number, queues in everyone.items()
    }
    text = yaml.safe_dump(centre, allow_unicode=True, default_style='"', sort_keys=False)
    (target / "centre.yaml").write_text(text, encoding="utf-8")


def _write_asterisk_config(outer: Settings, installation: Installation) -> None:
    """asterisk-config as it is, and the baseline at the end of its dialplan."""
    target = installation.settings.asterisk_config
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(outer.asterisk_config, target)
    text = (Path(__file__).parent / "baseline.conf").read_text(encoding="utf-8")
    values = {
        "number": BASELINE_NUMBER,
        "prompts": installation.layout.prompts,
        "recordings": installation.layout.recordings,
        "queue": f"{CENTRE}-{QUEUE}",
    }
    for name, value in values.items():
        text = text.replace("{{ " + name + " }}", str(value))
    with (target / "extensions.conf").open("a", encoding="utf-8") as file:
        file.write("\n" + text)
    (installation.layout.recordings / "baseline").mkdir(mode=0o700, exist_ok=True)
