"""What centres and settings become in Asterisk's configuration."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from ivr.adapters.journal.lines import FIELDS
from ivr.adapters.runtime.asterisk_config import AsteriskInput, fill, render
from ivr.adapters.runtime.layout import Layout
from ivr.adapters.runtime.ports import Ports
from ivr.adapters.runtime.secrets import Secrets
from ivr.domain.centre import Centre, Outbound, TransferNumber
from ivr.domain.flow import Destination, Enqueue, Transfer
from ivr.errors import OperatorError

from .centres import small_centre

SOURCE = Path(__file__).resolve().parents[3] / "asterisk-config"
PORTS = Ports(sip=5060, agi=4573, ami=5038, http=8120, postgres=5532, rtp_first=20000, rtp_last=20999)
SECRETS = Secrets(
    ami="a" * 32, postgres="p" * 32, fallback_key="f" * 16, agents={"agent01": "x" * 20, "agent02": "y" * 20}
)


def given(*centres: Centre, **changes: object) -> AsteriskInput:
    base = AsteriskInput(
        centres=centres or (small_centre(),), secrets=SECRETS, ports=PORTS, layout=Layout(var=Path("/srv/var"))
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def section(text: str, header: str) -> dict[str, str]:
    """The settings of the section that begins with this header line."""
    body = text.split(f"{header}\n", 1)[1].split("\n[", 1)[0]
    lines = (line.partition("=") for line in body.splitlines() if "=" in line and not line.startswith(";"))
    return {name.strip(): value.strip(" >") for name, _, value in lines}


def test_each_agent_is_an_endpoint_with_digest_and_one_contact() -> None:
    pjsip = render(SOURCE, given())["pjsip.conf"]
    assert section(pjsip, "[agent02](agent,local)") == {
        "auth": "agent02",
        "aors": "agent02",
        "language": "en",
        "callerid": '"Lee" <agent02>'.rstrip(">"),
    }
    assert section(pjsip, "[agent01](agent-auth)") == {"username": "agent01", "password": "x" * 20}
    assert section(pjsip, "[agent01](agent-aor)") == {"qualify_frequency": "30"}


BOUNDS = Outbound(calls=2, spend=5000, minutes=30)


def with_transfers() -> Centre:
    centre = small_centre()
    to = (("a", "agent", "agent01"), ("b", "number", "office"), ("c", "queue", "pension"), ("d", "number", "dear"))
    nodes = {
        node: Transfer(id=node, to=Destination(kind, name), ring_s=20, busy="bye", no_answer="bye", failed="bye")
        for node, kind, name in to
    }
    office = TransferNumber(number="+8212345678", label={"ko": "본부"}, price=39)
    dear = TransferNumber(number="0609999999", label={"ko": "허용되지 않음"})
    spare = TransferNumber(number="0299999999", label={"ko": "아무도 안 씀"})
    flow = replace(centre.flow, nodes={**centre.flow.nodes, **nodes})
    return replace(centre, flow=flow, transfers={"office": office, "spare": spare, "dear": dear}, outbound=BOUNDS)


def targets_of(text: str) -> list[tuple[str, str]]:
    return re.findall(r"^exten => (\S+),1,Gosub\(ivr-dial(?:-outside)?,s,1\((.*)\)\)$", text, re.M)


def test_transfers_reach_only_what_the_flows_name() -> None:
    rendered = render(SOURCE, given(with_transfers(), outbound_trunk="192.0.2.9:5080"))
    assert targets_of(rendered["extensions.conf"]) == [
        ("120.agent.agent01", "PJSIP/agent01"),
        ("120.number.office", "PJSIP/+8212345678@outbound,120,39,30,2,5000,Asia/Seoul"),
    ]
    assert "contact = sip:192.0.2.9:5080" in rendered["pjsip.conf"]


def test_without_a_trunk_no_number_can_be_dialled() -> None:
    rendered = render(SOURCE, given(with_transfers()))
    assert targets_of(rendered["extensions.conf"]) == [("120.agent.agent01", "PJSIP/agent01")]
    assert "outbound" not in rendered["pjsip.conf"].replace("trust_id_outbound", "")


def test_the_public_comes_from_the_trunk_addresses_only() -> None:
    pjsip = render(SOURCE, given(trunk_addresses=("192.0.2.7", "192.0.2.8")))["pjsip.conf"]
    assert re.findall(r"^match = (.*)$", pjsip, re.M) == ["192.0.2.7", "192.0.2.8"]
    assert "anonymous" not in pjsip
    assert section(pjsip, "[transport-udp]")["bind"] == "127.0.0.1:5060"


def test_a_queue_takes_its_times_from_the_centre() -> None:
    queue = section(render(SOURCE, given())["queues.conf"], "[120-pension](queue)")
    assert queue == {
        "strategy": "rrmemory",
        "timeout": "12",
        "retry": "3",
        "wrapuptime": "7",
        "musicclass": "calm",
        "context": "ivr-queue-keys-120-pension",
        "defaultrule": "120-pension",
        "announce-frequency": "30",
        "announce-position": "no",
        "announce-holdtime": "yes",
    }


@pytest.mark.parametrize(
    ("tier", "rule"),
    [(1, None), (2, "penaltychange => 25,,,1"), (3, "penaltychange => 25,,,2")],
    ids=["one tier needs no rule", "two tiers", "three tiers"],
)
def test_the_rule_raises_the_first_tier_to_the_last(tier: int, rule: str | None) -> None:
    rules = render(SOURCE, given(small_centre(tier_of_second=tier)))["queuerules.conf"]
    assert (rule in rules) if rule else "penaltychange" not in rules


def test_only_keys_of_the_flow_leave_the_queue() -> None:
    extensions = render(SOURCE, given())["extensions.conf"]
    context = extensions.split("[ivr-queue-keys-120-pension]")[1]
    assert re.findall(r"^exten => (.),1,Goto\(ivr-queue-keys,\$\{EXTEN\},1\)$", context, re.M) == ["1"]


def test_globals_say_where_agi_prompts_and_recordings_are() -> None:
    text = render(SOURCE, given())["globals.conf"]
    values = dict(line.split(" = ", 1) for line in text.splitlines() if " = " in line)
    assert values["IVR_AGI"] == "127.0.0.1:4573"
    assert values["IVR_RECORDINGS"] == "/srv/var/recordings"
    assert values["IVR_LOCAL_CALLS"] == "40"
    assert values["IVR_APOLOGY"] == "/srv/var/prompts/ko/fallback_apology&/srv/var/prompts/en/fallback_apology&beep"


@pytest.mark.parametrize("name", ["x\n[evil]\ntype=endpoint", 'a" <1>;', "back\\slash", "[tab\there]"])
def test_a_name_from_a_dialplan_cannot_add_lines_sections_or_comments(name: str) -> None:
    text = render(SOURCE, given(small_centre(agent_name=name)))["pjsip.conf"]
    (line,) = [line for line in text.splitlines() if line.startswith("callerid") and "agent01" in line]
    assert re.fullmatch(r'callerid = "[^";\\\[\]\t]*" <agent01>', line)
    assert text.count("[agent01]") == 3
    assert "[evil]" not in text


def test_the_same_sip_user_in_two_centres_is_refused() -> None:
    other = small_centre(id="130")
    with pytest.raises(OperatorError, match="agent 'agent01' is in centre '120' and in '130'"):
        render(SOURCE, given(small_centre(), other))


def test_an_agent_without_password_is_refused() -> None:
    with pytest.raises(OperatorError, match=r"agent 'agent02' has no password in .*agents\.json"):
        render(SOURCE, given(secrets=replace(SECRETS, agents={"agent01": "x" * 20})))


def test_a_folder_that_is_not_asterisk_config_is_named(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="IVR_ASTERISK_CONFIG"):
        render(tmp_path, given())


def test_a_template_that_wants_an_unknown_value_is_named(tmp_path: Path) -> None:
    template = tmp_path / "x.conf"
    template.write_text("{{ nowhere }}")
    with pytest.raises(OperatorError, match=r"x\.conf: 'nowhere' is undefined"):
        fill(template, {})


def test_the_journal_has_the_fields_that_its_reader_expects() -> None:
    text = (SOURCE / "cel_custom.conf").read_text()
    (fields,) = re.findall(r"^fields = (.*)$", text, re.M)
    assert tuple(fields.split(",")) == FIELDS


def test_globals_name_the_centre_of_every_number_also_of_versions_going_out_of_use() -> None:
    live, before = replace(small_centre(), numbers=("120",)), replace(small_centre(id="99"), numbers=("120", "+8299"))
    text = render(SOURCE, given(live, retiring=(before,)))["globals.conf"]
    assert [line for line in text.splitlines() if line.startswith("IVR_CENTRE_")] == [
        "IVR_CENTRE_120 = 120",
        "IVR_CENTRE_+8299 = 99",
    ]


def test_everything_included_is_rendered_and_the_other_way_round() -> None:
    included = {
        name
        for path in SOURCE.glob("*.conf")
        for name in re.findall(r'^#include "generated/(.*)"$', path.read_text(), re.M)
    }
    assert included == set(render(SOURCE, given()))


def test_nothing_is_logged_that_callers_press_or_that_tells_their_number() -> None:
    logger = (SOURCE / "logger.conf").read_text()
    channels = re.findall(r"^\S+ => (.*)$", logger, re.M)
    assert channels
    for levels in channels:
        assert not {"dtmf", "verbose", "debug"} & set(levels.split(","))
    assert re.search(r"^queue_log = no$", logger, re.M)


def test_versions_going_out_of_use_keep_their_queues_phones_and_keys() -> None:
    """A call from before a change: the agent who left is still there for it, and the key that left the queue works."""
    old = small_centre()
    wait = old.flow.nodes["wait"]
    assert isinstance(wait, Enqueue)
    flow = replace(old.flow, nodes={**old.flow.nodes, "wait": replace(wait, keys={"7": "bye"})})
    new = replace(old, agents={"agent01": old.agents["agent01"]}, flow=flow)
    queue = replace(old.queues["pension"], asterisk_name="121-pension")
    gone = replace(old, id="121", queues={"pension": queue}, agents={})
    files = render(SOURCE, given(new, retiring=(old, gone)))
    assert files["pjsip.conf"].count("[agent01](agent,local)") == 1
    assert "[agent02](agent,local)" in files["pjsip.conf"]
    assert files["queues.conf"].count("[120-pension](queue)") == 1
    assert "[121-pension](queue)" in files["queues.conf"]
    keys = files["extensions.conf"].split("[ivr-queue-keys-120-pension]")[1].split("[")[0]
    assert {line.split()[2].split(",")[0] for line in keys.splitlines() if line.startswith("exten")} == {"1", "7"}
    without = render(SOURCE, given(new))
    assert "agent02" not in without["pjsip.conf"]
    assert "121" not in without["queues.conf"]


def test_a_live_agent_goes_before_the_same_one_of_an_earlier_version() -> None:
    moved = replace(small_centre(agent_name="After"), id="130")
    files = render(SOURCE, given(moved, retiring=(small_centre(agent_name="Before"),)))
    assert '"After" <agent01>' in files["pjsip.conf"]
    assert "Before" not in files["pjsip.conf"]
