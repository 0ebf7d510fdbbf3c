"""Nodes in which the caller is not with the flow: a queue or a phone has them until they come back, if ever."""

from __future__ import annotations

from ivr.domain.actions import DialEnded, QueueLeft
from ivr.domain.flow import Enqueue, Transfer
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


def depart(run: Run, node: Enqueue | Transfer) -> None:
    """What the journal must know before the dialplan has the caller."""
    match node:
        case Enqueue():
            run.announce_queue(node.queue)
        case Transfer():
            run.happened("dialling", to=node.id)
            if node.to.kind == "queue":
                run.announce_queue(node.to.name)


def transferred(run: Run, node: Transfer, event: DialEnded | QueueLeft) -> None:
    """Back from a transfer, which went to a phone or to a queue."""
    match event:
        case DialEnded("ANSWERED"):
            result = "answered"
        case QueueLeft(how) if how in SERVED:
            result = "answered"
        case DialEnded("BUSY"):
            result = "busy"
        case QueueLeft(how) if how in NO_AGENTS:
            result = "busy"
        case DialEnded("NOANSWER") | QueueLeft("TIMEOUT"):
            result = "no_answer"
        case QueueLeft("KEY"):
            # Of another node that uses the same queue; here it means nothing, and the caller waits on.
            run.happened("again", to=node.id)
            if node.to.kind == "queue":  # a stale event finds another kind of transfer
                run.announce_queue(node.to.name)
            return
        case _:
            result = "failed"
    if result == "answered":
        run.happened(result, to=None)
        run.leave(None, "transferred")
        return
    target = {"busy": node.busy, "no_answer": node.no_answer, "failed": node.failed}[result]
    run.happened(result, to=target)
    run.go(target)
