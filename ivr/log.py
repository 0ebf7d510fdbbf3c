"""Structured logs: a constant message and named fields, one JSON object a line (or readable columns on a terminal).

Personal data never goes into a log. The rule is kept where the log call is written; the mask here is a net below it
for the one thing that is easy to recognise, long runs of digits.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, Literal

import structlog

_LONG_DIGITS = re.compile(r"(?<![\w.-])(?!\d{4}-\d\d-\d\d(?!\d))\+?\d[\d -]{5,}\d(?![\w.-])")
"""Seven digits and more, with blanks and hyphens between, that are not a date or part of an id."""
UNMASKED = frozenset({"timestamp", "level", "call_id", "leg_id", "version", "pid"})
"""Fields whose digits are ours."""


def configure(level: str = "info", form: Literal["json", "columns"] = "json") -> None:
    """Sets up logging of this process to stderr, for structlog and the standard library's loggers alike."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        mask_long_digits,
    ]
    renderer: structlog.typing.Processor
    if form == "json":
        renderer = structlog.processors.JSONRenderer(ensure_ascii=False)
    else:
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())


def mask_long_digits(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replaces what looks like a telephone number or birth date in text fields."""
    for name, value in event.items():
        if name not in UNMASKED and isinstance(value, str):
            event[name] = _LONG_DIGITS.sub("<digits>", value)
    return event
