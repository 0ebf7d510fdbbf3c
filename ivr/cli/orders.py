"""Asking the running controller to do something."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from ivr.adapters.runtime.secrets import load_control_token
from ivr.adapters.runtime.supervisor import find_ports
from ivr.bootstrap import Installation
from ivr.errors import AuthorError, IvrError, OperatorError, PeerError

ANSWER_S = 60.0
"""A big folder takes some seconds to check."""


def order(installation: Installation, name: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """What the controller answers. Raises what it refuses with, OperatorError when none runs."""
    ports = find_ports(installation.layout)
    if ports is None:
        raise OperatorError("nothing runs: `make up` starts it with the dialplan folder as it is")
    request = urllib.request.Request(
        f"http://{ports.bind}:{ports.http}/order/{name}",
        data=json.dumps(body).encode(),
        headers={
            "Authorization": f"Bearer {load_control_token(installation.layout)}",
            "Content-Type": "application/json",
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_S) as answer:  # noqa: S310 - our own address
            done: dict[str, Any] = json.load(answer)
            return done
    except urllib.error.HTTPError as refused:
        raise _refusal(refused) from None
    except (OSError, ValueError) as error:
        raise OperatorError("no controller answers: `ivr status` says what runs, `make up` starts it") from error


def _refusal(refused: urllib.error.HTTPError) -> IvrError:
    with refused:
        try:
            told = json.load(refused)
            kinds: dict[str, type[IvrError]] = {kind.code: kind for kind in (AuthorError, OperatorError, PeerError)}
            return kinds.get(told["code"], OperatorError)(told["error"])
        except (ValueError, KeyError, TypeError):
            return PeerError(f"the controller answered {refused.code}: see its log")
