"""Nodes in which the caller is not with the flow: a queue has them until they come back, if ever."""

from __future__ import annotations

from ivr.domain.actions import QueueLeft
from ivr.domain.flow import Enqueue
from ivr.domain.run import Run

NO_AGENTS = frozenset({"JOINEMPTY", "LEAVEEMPTY", "JOINUNAVAIL", "LEAVEUNAVAIL", "FULL"})
SERVED = frozenset({"CONTINUE", "DONE", "COMPLETEAGENT"})
"""app_queue's words."""


def left_queue(run: Run, node: Enqueue, event: QueueLeft) -> None:
    """Back from a queue."""
    if event.how == "KEY" and event.key in node.keys:
        target, result = node.keys[event.key], "key"
    elif event.how in NO_AGENTS:
        target, result = node.no_agents, "no_agents"
    elif event.how in SERVED and node.after is not None:
        target, result = node.after, "served"
    elif event.how in SERVED:
        run.happened("served", to=None)
        run.leave(None, "served")
        return
    else:
        target, result = node.timeout, "timeout"
    run.happened(result, got=event.key or None, to=target)
    run.go(target)
