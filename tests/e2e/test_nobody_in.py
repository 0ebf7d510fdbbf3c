"""Nobody in: strangers, agents and callers try what they may not, on the real running system."""

from __future__ import annotations

import json
import socket
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from records import Records
from sip_peer import SipPeer, sip_peer
from system import RunningSystem

from ivr.adapters.runtime.process import find_process
from ivr.testing.waiting import eventually

STRANGER = "127.0.0.2"
"""An address of this machine that is neither the trunk's nor one of ours."""
OUTSIDE = "01012345678"
EXPRESSION = "${DB_DELETE(ivr/canary)}$[6*7]${EVAL(${EXTEN})}"
ENCODED = "%24%7BDB_DELETE(ivr%2Fcanary)%7D%24%5B6%2A7%5D"
"""The same in the user part of a SIP URI."""


@pytest.fixture
def stranger(system: RunningSystem) -> Iterator[SipPeer]:
    with sip_peer(system.sipp.server, address=STRANGER) as peer:
        yield peer


@pytest.fixture
def trunk(system: RunningSystem) -> Iterator[SipPeer]:
    with sip_peer(system.sipp.server) as peer:
        yield peer


def password(system: RunningSystem, agent: str) -> str:
    return str(json.loads(system.installation.layout.agents_file.read_text())[agent])


@pytest.mark.parametrize("sender", ["0212345678", "trunk", "outbound", "1001", "anonymous", "transport-udp", "ivr"])
def test_a_stranger_reaches_nothing_under_any_name(stranger: SipPeer, sender: str) -> None:
    """`trunk` is the name that needs no password: known by its address only, or anybody could be it."""
    for method, to in (("INVITE", "120"), ("INVITE", "*11"), ("INVITE", OUTSIDE), ("REGISTER", sender)):
        assert stranger.ask(method, to, sender=sender).code == 401, (method, to)
    for method, headers in (
        ("OPTIONS", ""),
        ("MESSAGE", ""),
        ("SUBSCRIBE", "Event: presence\r\nExpires: 60\r\n"),
        ("PUBLISH", "Event: presence\r\nExpires: 60\r\n"),
    ):
        assert stranger.ask(method, "1001", sender=sender, headers=headers).code == 401, method
    assert stranger.ask("REFER", "120", sender=sender, headers=f"Refer-To: <sip:{OUTSIDE}@x>\r\n").code in (401, 501)


def test_a_wrong_password_or_that_of_another_agent_is_none(system: RunningSystem, stranger: SipPeer) -> None:
    for user, secret in (("1001", "wrong"), ("1001", ""), ("1001", password(system, "1002"))):
        assert stranger.ask("INVITE", "*11", sender="1001", user=user, password=secret).code == 401
        assert stranger.ask("REGISTER", "1001", sender="1001", user=user, password=secret).code == 401
    assert stranger.ask("INVITE", "*11", sender="1001", user="1002", password=password(system, "1002")).code == 401


def test_an_agent_dials_codes_and_nothing_else(system: RunningSystem, trunk: SipPeer) -> None:
    secret = password(system, "1001")
    for to in (OUTSIDE, "00114155550100", "120", "1002", "*20", "s", "h", "120.agent.1002", "500&PJSIP/1002"):
        assert trunk.ask("INVITE", to, sender="1001", password=secret).code == 404, to
    # Registering is for one's own account only, and no code comes from whoever merely calls.
    assert trunk.ask("REGISTER", "1002", sender="1001", password=secret).code in (403, 404)
    done = trunk.ask("INVITE", "*12", sender="1001", password=secret)
    assert done.code == 200, "the account is right, so it was the extensions that were refused"
    trunk.hang_up(done)


def test_a_caller_moves_nobody_and_sees_nothing(system: RunningSystem, trunk: SipPeer) -> None:
    call = trunk.ask("INVITE", "120", sender=system.new_caller())
    assert call.code == 200
    system.placed += 1
    for to in (OUTSIDE, "1001", "*11", "*20", "120"):
        refer = trunk.ask("REFER", "", sender="", dialog=call, headers=f"Refer-To: <sip:{to}@{system.sipp.server}>\r\n")
        call.cseq = refer.cseq
        assert refer.code == 603, to
    trunk.hang_up(call)
    assert trunk.ask("REGISTER", "1001", sender="0212345678").code == 404
    watch = trunk.ask("SUBSCRIBE", "1001", sender="0212345678", headers="Event: presence\r\nExpires: 60\r\n")
    assert watch.code == 603


@pytest.mark.parametrize(
    ("to", "sender", "display", "contact"),
    [
        ("500&PJSIP/1001", "0212345678", "", ""),
        ("500%26PJSIP%2F1001&Local%2F*11@from-agents", "0212345678", "", ""),
        (f"1{ENCODED}", "0212345678", "", ""),
        ("120", f"02{ENCODED}", "", ""),
        ("120", "0212345678", f'"{EXPRESSION}" ', ""),
        ("120", "0212345678", '"\\"},{\\"k\\":\\"end\\",\\"x\\":\\"" ', ""),
        ("120", "0212345678", '"x\r\n Event: y\t" ', ""),
        ("120", "0212345678", '"' + "가" * 600 + '" ', ""),
        ("1" * 900, "2" * 900, "", ""),
        ("120", "02%00%0d%0aSET%20VARIABLE%20IVR_NEXT%20done", "", ""),
        ("120", "0212345678", "", f"<sip:{ENCODED}@127.0.0.1:9>"),
        ("120", "0212345678%22%2C%24%7BEXTEN%7D", "", ""),
    ],
)
async def test_what_a_caller_sends_is_text_and_never_run(
    system: RunningSystem, records: Records, trunk: SipPeer, to: str, sender: str, display: str, contact: str
) -> None:
    await system.asterisk.command("database put ivr canary alive")
    before = await records.rows("SELECT count(*) FROM ivr.calls WHERE kind = 'inbound'")
    call = trunk.ask("INVITE", to, sender=sender, display=display, contact=contact)
    if call.code == 200:
        system.placed += 1
        trunk.hang_up(call)

        async def recorded() -> bool:
            after = await records.rows("SELECT count(*) FROM ivr.calls WHERE kind = 'inbound'")
            return bool(after[0]["count"] > before[0]["count"])

        await eventually(recorded)
    else:
        assert call.code in (0, 400, 404, 414, 416, 484), call.reason
    rows = await records.rows("SELECT dnis, faults FROM ivr.calls ORDER BY entered_at DESC LIMIT 1")
    assert all(set(row["dnis"] or "") <= set("0123456789+") and not row["faults"] for row in rows)
    assert "alive" in await system.asterisk.command("database get ivr canary")


def test_datagrams_of_nonsense_stop_nothing(system: RunningSystem, trunk: SipPeer) -> None:
    for datagram in (
        b"",
        b"\0" * 1200,
        b"INVITE\r\n\r\n",
        b"INVITE sip:120@x SIP/2.0\r\nFrom: \xff\xfe\r\n\r\n",
        b"INVITE sip:120@x SIP/2.0\r\n" + b"Via: SIP/2.0/UDP x\r\n" * 400,
        b"SIP/2.0 200 OK\r\nCSeq: 1 INVITE\r\n\r\n",
    ):
        trunk.raw(datagram)
    assert trunk.ask("OPTIONS", "120", sender="0212345678").code == 200


def test_what_is_internal_refuses_strangers(system: RunningSystem) -> None:
    """On the loopback network too, where 127.0.0.2 reaches what listens on 127.0.0.1."""
    settings = system.installation.settings
    for ask in (f"GET /{path} HTTP/1.1\r\nHost: x\r\n\r\n" for path in ("health/live", "status", "order/reload")):
        assert b" 403 " in told(settings.http_port, ask, STRANGER).split(b"\r\n")[0]
    assert b" 200 " in told(settings.http_port, "GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n", "127.0.0.1")
    assert b" 401 " in told(settings.http_port, "POST /order/reload HTTP/1.1\r\nHost: x\r\n\r\n", "127.0.0.1")
    header = "agi_network_script: agent\nagi_arg_1: login\nagi_arg_2: 1001\n\n"
    assert told(settings.agi_port, header, STRANGER) == b""
    assert told(settings.agi_port, header, "127.0.0.1").startswith(b"ANSWER")
    secret = system.installation.secrets.ami
    for address, word, answer in (
        (STRANGER, secret, b"Error"),
        ("127.0.0.1", "wrong", b"Error"),
        ("127.0.0.1", secret, b"Success"),
    ):
        login = f"Action: Login\r\nUsername: ivr\r\nSecret: {word}\r\n\r\n"
        assert b"Response: " + answer in told(settings.ami_port, login, address)


def told(port: int, ask: str, address: str) -> bytes:
    """What the port answers at first to somebody from this address."""
    with socket.create_connection(("127.0.0.1", port), timeout=2, source_address=(address, 0)) as connection:
        found = b""
        with suppress(TimeoutError, ConnectionError):
            connection.sendall(ask.encode())
            while data := connection.recv(65_536):
                found += data
                if not found.startswith(b"Asterisk Call Manager") or b"Response" in found:
                    break
        return found


def test_secrets_are_private_and_nothing_runs_as_root(system: RunningSystem) -> None:
    layout = system.installation.layout
    below = list(layout.secrets.rglob("*"))
    for path in (layout.var, layout.secrets, layout.keys, *filter(Path.is_dir, below)):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700, path
    secrets = list(filter(Path.is_file, [*below, *layout.keys.rglob("*")]))
    assert {path.name for path in secrets} >= {"seal.key", "fallback.key", "ami.secret", "agents.json", "control.token"}
    generated = list((layout.asterisk_etc / "generated").iterdir())
    for path in (*secrets, *generated, layout.journal):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    names = [path.stem for path in (layout.run).glob("*.pid")]
    assert {"asterisk", "postgres"} <= set(names)
    for name in names:
        process = find_process(name, layout.pid_file(name))
        assert process is not None, name
        status = Path(f"/proc/{process.pid}/status").read_text()
        held = {line.partition(":")[0]: line.partition(":")[2].split() for line in status.splitlines()}
        assert "0" not in held["Uid"], f"{name} runs as root"
        assert int(held["CapEff"][0], 16) == int(held["CapPrm"][0], 16) == 0, f"{name} has capabilities"
