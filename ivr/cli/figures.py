"""What a running controller says of itself."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

from ivr.adapters.runtime.ports import Ports

ANSWER_S = 2.0


def ask_controller(ports: Ports) -> dict[str, Any] | None:
    """Its /status; None when it does not answer."""
    try:
        with urllib.request.urlopen(f"http://{ports.bind}:{ports.http}/status", timeout=ANSWER_S) as answer:
            figures: dict[str, Any] = json.load(answer)
            return figures
    except (OSError, ValueError):
        return None
