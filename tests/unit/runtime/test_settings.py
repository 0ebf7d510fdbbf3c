"""Settings from the environment, and one line for wrong ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.errors import OperatorError
from ivr.settings import CHECKOUT, load_settings


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in [name for name in os.environ if name.startswith("IVR_") or name == "DATABASE_URL"]:
        monkeypatch.delenv(name)


def test_defaults_are_those_of_the_documentation() -> None:
    settings = load_settings()
    ports = settings.listening
    assert (ports.sip, ports.agi, ports.ami, ports.http, ports.postgres) == (5060, 4573, 5038, 8120, 5532)
    assert ports.bind == "127.0.0.1"
    assert settings.var == CHECKOUT / "var"
    assert settings.node == "n1"


def test_the_environment_wins_and_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IVR_VAR", "/srv/ivr")
    monkeypatch.setenv("IVR_SIP_PORT", "6060")
    monkeypatch.setenv("IVR_NODE", "")
    monkeypatch.setenv("DATABASE_URL", "postgresql://db/x")
    settings = load_settings()
    assert (settings.var, settings.sip_port, settings.node) == (Path("/srv/ivr"), 6060, "n1")
    assert settings.database_url == "postgresql://db/x"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("IVR_SIP_PORT", "sip", "IVR_SIP_PORT"),
        ("IVR_SIP_PORT", "80", "IVR_SIP_PORT"),
        ("IVR_NODE", "n 1", "IVR_NODE"),
        ("IVR_BIND", "localhost", "IVR_BIND"),
        ("IVR_PORTS", "any", "IVR_PORTS"),
        ("IVR_AGI_PORT", "5038", "must differ"),
        ("IVR_RTP_LAST", "19999", "IVR_RTP_LAST must be at least"),
        ("IVR_SIP_PORT", "20002", "among the RTP ports"),
    ],
)
def test_a_wrong_variable_is_one_line_with_its_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(OperatorError) as caught:
        load_settings()
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_free_ports_are_found_once_and_handed_to_children(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IVR_PORTS", "free")
    settings = load_settings()
    assert settings.sip_port != 5060
    for name, value in settings.child_environment().items():
        monkeypatch.setenv(name, value)
    assert load_settings().listening == settings.listening


def test_the_password_of_a_database_is_not_in_a_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:verysecret@db/x")
    assert "verysecret" not in repr(load_settings())
