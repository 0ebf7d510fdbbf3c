"""What a channel's line needs of whoever carries its commands: a socket (FastAGI) or a pipe (the local AGI)."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, Protocol, TypeVar

from ivr.adapters.agi.codec import Reply
from ivr.errors import HungUp, PeerError

P = ParamSpec("P")
T = TypeVar("T")

OK, DEAD = 200, 511
"""Done; not permitted on a dead channel."""


class Connection(Protocol):
    """Commands and replies of one session, strictly in turn."""

    @property
    def hung_up(self) -> bool:
        """Whether the channel is gone."""

    async def execute(self, *words: str | int) -> Reply:
        """Sends one command and waits for its reply, however long the command takes (a prompt, a recording).

        Raises PeerError when Asterisk closed the connection, HungUp when the channel is gone and the command needs it.
        """

    async def aside(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Does `work`, which touches the disk, without holding up other calls of this process."""


def accepted(reply: Reply, command: str | int) -> Reply:
    """The reply to a command that was done. Raises HungUp or PeerError for any other."""
    if reply.code == DEAD:
        raise HungUp
    if reply.code != OK:
        raise PeerError(f"Asterisk refused the AGI command {command} with {reply.code}")
    return reply
