"""The exception tree, by whose fault it is.

    IvrError
    ├── AuthorError      a dialplan, prompt or scenario file is wrong; the author mends it
    ├── OperatorError    the machine or its settings are wrong; the operator mends it (exit code 2)
    │   └── DestroyedError   what was asked for is past its time: its key is gone, and nothing brings it back
    ├── PeerError        Asterisk, Postgres or a caller's network misbehaved; `retryable` says if again may help
    └── HungUp           the caller is gone: a normal ending, not a fault

Messages are written for the person who can act on them. They never carry personal data.
"""


class IvrError(Exception):
    """Root of all errors of this package."""

    code = "ivr"
    retryable = False


class AuthorError(IvrError):
    """A file that people write (dialplan, prompts, scenario) is wrong."""

    code = "author"


class OperatorError(IvrError):
    """The machine, a setting or a command line is wrong; the message says what to do."""

    code = "operator"


class DestroyedError(OperatorError):
    """Sealed under a key that was destroyed when its time was over."""

    code = "destroyed"


class PeerError(IvrError):
    """Asterisk or Postgres did not do its part."""

    code = "peer"
    retryable = True


class HungUp(IvrError):  # noqa: N818 - a normal ending, named for what happened
    """The channel is gone. Unwound to one place and treated as an ending."""

    code = "hung_up"
