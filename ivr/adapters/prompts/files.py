"""Audio files as Asterisk plays them: headerless mu-law, 8000 bytes a second, never seen half written."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from pathlib import Path

from ivr.errors import OperatorError

SUFFIX = ".ulaw"
BYTES_PER_SECOND = 8000


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old one or the new one; folders are made.

    Raises OperatorError if the disk is full or the folder not writable.
    """
    # Plain open, not tempfile: the mode must follow the umask, Asterisk may run as another user of the group.
    draft = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            draft.write_bytes(content)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise OperatorError(
            f"{path} cannot be written: {error.strerror}. Check the space and the owner of the folder"
        ) from None


def concatenate(files: Iterable[Path], out: Path) -> None:
    """Join mu-law files into one, so that several prompts (personal digits, say) are played by one neutral name.

    Raises OperatorError if a file cannot be read or `out` not be written.
    """
    parts = []
    for file in files:
        try:
            parts.append(file.read_bytes())
        except OSError as error:
            # The file's name tells a digit: name its folder only.
            raise OperatorError(
                f"a prompt in {file.parent} cannot be read: {error.strerror}. Render the prompts anew"
            ) from None
    write_whole(out, b"".join(parts))
