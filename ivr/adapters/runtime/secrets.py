"""What the installation must keep to itself: made at the first start, one file each, readable by its user only."""

from __future__ import annotations

import json
import re
import secrets as entropy
import string
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ivr.adapters.runtime.layout import Layout
from ivr.adapters.runtime.process import create_private, write_private
from ivr.errors import OperatorError

PASSWORD_LETTERS = string.ascii_letters + string.digits
FALLBACK_KEY_LENGTH = 16
"""AES_ENCRYPT() of Asterisk takes a key of 16 characters."""
_PASSWORD = re.compile(r"[A-Za-z0-9]{16,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """Passwords and keys. Their text never appears in a log: `repr` leaves them out."""

    ami: str = field(repr=False)
    postgres: str = field(repr=False)
    fallback_key: str = field(repr=False)
    """Under which the dialplan alone hides a caller's number when no controller runs."""
    agents: Mapping[str, str] = field(repr=False)
    """SIP user -> password."""


def load_secrets(layout: Layout, agents: Iterable[str] = ()) -> Secrets:
    """Reads the secrets and makes those that are missing, also a password for each of `agents` that has none.

    Raises OperatorError when a file was damaged: it is never replaced, for what it opened would be lost.
    """
    _load(layout.seal_key, lambda: entropy.token_hex(32), re.compile(r"[0-9a-fA-F]{64}"), "64 hex digits")
    return Secrets(
        ami=_password(layout.secrets / "ami.secret"),
        postgres=_password(layout.secrets / "postgres.secret"),
        fallback_key=_password(layout.secrets / "fallback.key", FALLBACK_KEY_LENGTH),
        agents=_agent_passwords(layout.agents_file, agents),
    )


def load_control_token(layout: Layout) -> str:
    """What a command shows the controller when it asks for a change. Made when missing; raises like `load_secrets`."""
    return _password(layout.control_token)


def load_recordings_token(layout: Layout) -> str:
    """What a program shows that takes recordings over HTTP. Made when missing; raises like `load_secrets`."""
    return _password(layout.recordings_token)


def _agent_passwords(path: Path, agents: Iterable[str]) -> dict[str, str]:
    known: dict[str, str] = {}
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        damaged = not all(isinstance(value, str) and _PASSWORD.fullmatch(value) for value in known.values())
    except FileNotFoundError:
        damaged = False
    except (ValueError, AttributeError, UnicodeDecodeError):
        damaged = True
    except OSError as error:
        raise OperatorError(f"cannot read {path}: {error.strerror}") from error
    if damaged:
        raise OperatorError(
            f"{path} is damaged: it must map SIP users to passwords of at least 16 letters and digits; restore it"
        )
    missing = {user: _new_password(20) for user in agents if user not in known}
    if missing:
        known = {**known, **missing}
        write_private(path, json.dumps(known, indent=1, sort_keys=True))
    return known


def _password(path: Path, length: int = 32) -> str:
    return _load(
        path, lambda: _new_password(length), re.compile(rf"[A-Za-z0-9]{{{length}}}"), f"{length} letters and digits"
    )


def _load(path: Path, make: Callable[[], str], shape: re.Pattern[str], described: str) -> str:
    try:
        if not path.exists():
            create_private(path, make() + "\n")
        text = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise OperatorError(f"cannot read {path}: {getattr(error, 'strerror', None) or 'it is not text'}") from error
    if not shape.fullmatch(text):
        raise OperatorError(f"{path} is damaged: {described} are needed; restore it from backup")
    return text


def _new_password(length: int) -> str:
    return "".join(entropy.choice(PASSWORD_LETTERS) for _ in range(length))
