"""Faults of pyst2 0.5.1 that `ivr.adapters.agi.local` guards: each shown on pyst2, then shown to be absent here.

Should a later pyst2 mend one, its test fails and the decision (docs/adr/0011) can be looked at again.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from io import StringIO

import pytest
from asterisk.agi import AGI, AGIAppError, AGISIGHUPHangup

from ivr.adapters.agi.codec import HEADER_LIMIT, LINE_LIMIT, ProtocolError
from ivr.adapters.agi.local import LocalConnection
from ivr.engine.at_once import run_to_end
from ivr.errors import HungUp, PeerError

HEADER = "agi_callerid: 01012345678\nagi_uniqueid: n1-1.0\n\n"


@pytest.fixture(autouse=True)
def _own_sighup() -> Iterator[None]:
    before = signal.getsignal(signal.SIGHUP)
    yield
    signal.signal(signal.SIGHUP, before)


def theirs(*replies: str, stderr: StringIO | None = None) -> AGI:
    return AGI(StringIO(HEADER + "".join(f"{reply}\n" for reply in replies)), StringIO(), stderr or StringIO())


def ours(*replies: str) -> LocalConnection:
    return LocalConnection(StringIO(HEADER + "".join(f"{reply}\n" for reply in replies)), StringIO())


def test_the_word_after_an_empty_result_is_lost() -> None:
    """To a caller: silence would be a pressed #."""
    assert theirs("200 result= (timeout)").execute("GET DATA")["result"] == ("", "")
    assert run_to_end(ours("200 result= (timeout)").execute("GET DATA")).note == "timeout"


def test_minus_one_is_an_error_whatever_it_means() -> None:
    with pytest.raises(AGIAppError):
        theirs("200 result=-1 endpos=0").execute("STREAM FILE")
    assert run_to_end(ours("200 result=-1 endpos=0").execute("STREAM FILE")).result == "-1"


def test_an_end_of_file_is_a_value_error_in_a_reply_and_nothing_in_a_header() -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        theirs().execute("ANSWER")
    assert AGI(StringIO("agi_callerid: 1\n"), StringIO(), StringIO()).env == {"agi_callerid": "1"}
    with pytest.raises(PeerError):
        run_to_end(ours().execute("ANSWER"))
    with pytest.raises(PeerError):
        LocalConnection(StringIO("agi_callerid: 1\n"), StringIO())


def test_after_a_hang_up_nothing_more_can_be_written() -> None:
    theirs_, ours_ = theirs("200 result=0"), ours("200 result=0")
    os.kill(os.getpid(), signal.SIGHUP)  # handled by who was made last; pyst2's handler only sets this
    theirs_._got_sighup = True
    with pytest.raises(AGISIGHUPHangup):
        theirs_.execute("EXEC", "CELGenUserEvent")
    assert ours_.hung_up
    assert run_to_end(ours_.execute("EXEC CELGenUserEvent", "IVR,e30")).result == "0"


def test_the_callers_number_is_copied_to_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    stderr = StringIO()
    theirs("200 result=0", stderr=stderr).execute("SET VARIABLE X", "900101")
    assert "01012345678" in stderr.getvalue()
    assert "900101" in stderr.getvalue()
    run_to_end(ours("200 result=0").execute("SET VARIABLE X", "900101"))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "sent",
    [
        "\n",
        "GET / HTTP/1.1\n\n",
        "agi_a: " + "x" * LINE_LIMIT + "\n\n",
        "".join(f"agi_{number}: x\n" for number in range(HEADER_LIMIT + 1)) + "\n",
    ],
)
def test_what_is_no_header_is_refused(sent: str) -> None:
    with pytest.raises(ProtocolError):
        LocalConnection(StringIO(sent), StringIO())


@pytest.mark.parametrize(("reply", "error"), [("511 dead", HungUp), ("510 no", PeerError), ("nonsense", PeerError)])
def test_replies_that_are_no_answer(reply: str, error: type[Exception]) -> None:
    connection = ours(reply)
    with pytest.raises(error):
        run_to_end(connection.execute("ANSWER"))
    assert connection.hung_up is (error is HungUp)


def test_a_channel_variable() -> None:
    connection = ours("200 result=1 (s1.k.p)", "200 result=0")
    assert run_to_end(connection.variable("IVR_STATE")) == "s1.k.p"
    assert run_to_end(connection.variable("IVR_EVENT")) == ""
