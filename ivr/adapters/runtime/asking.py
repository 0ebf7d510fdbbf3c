"""Asking one process of ours what it says of itself, over its own Unix socket."""

from __future__ import annotations

import http.client
import json
import socket
from pathlib import Path
from typing import Any

ANSWER_S = 2.0


def ask(path: Path, *, within_s: float = ANSWER_S) -> dict[str, Any] | None:
    """Its `/status`; None when it does not answer within `within_s` seconds."""
    connection = _UnixConnection(path, within_s)
    try:
        connection.request("GET", "/status")
        figures: dict[str, Any] = json.load(connection.getresponse())
        return figures
    except (OSError, ValueError, http.client.HTTPException):
        return None
    finally:
        connection.close()


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))
