"""The launcher of the local AGI, which Asterisk runs for a call that no controller answers."""

from __future__ import annotations

import shlex
import subprocess
import sys
from contextlib import suppress

from ivr.adapters.runtime.layout import Layout
from ivr.adapters.runtime.process import write_private

MODULE = "ivr.fallback"
PROGRAM = f"import gc; gc.disable(); from {MODULE} import main; raise SystemExit(main())"
"""Looking for garbage while modules are loaded is an eighth of a start."""
CHECK_S = 15.0
"""Time for a first run, which compiles what it imports."""


def write_launcher(layout: Layout) -> None:
    """Writes it anew, for this interpreter and this folder.

    SIGHUP, by which Asterisk tells of a hang-up, is nothing to die of before the program looks at it. Compiled modules
    are kept under var/, because the user that Asterisk runs as may not write beside the sources.
    """
    python = [sys.executable, "-I", "-X", f"pycache_prefix={layout.run / 'pycache'}", "-c", PROGRAM]
    text = (
        "#!/bin/sh\n"
        "# Written at each start of Asterisk: serves one call that no controller answers (docs/adr/0011).\n"
        "trap '' HUP\n"
        f"IVR_VAR={shlex.quote(str(layout.var))}\n"
        "export IVR_VAR\n"
        f'exec {shlex.join(python)} "$@" 2>>{shlex.quote(str(layout.log_file("fallback")))}\n'
    )
    layout.local_agi.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(layout.local_agi, text, executable=True)


def check_launcher(layout: Layout) -> str | None:
    """Runs it without a call; why it could not serve one, on one line, or None. Blocking, a tenth of a second."""
    log = layout.log_file("fallback")
    with suppress(OSError, subprocess.TimeoutExpired):
        done = subprocess.run(
            [str(layout.local_agi), "check"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=CHECK_S,
            check=False,
        )
        if done.returncode == 0:
            return None
    return f"with no controller, callers would only hear an apology: {layout.local_agi} does not work, see {log}"
