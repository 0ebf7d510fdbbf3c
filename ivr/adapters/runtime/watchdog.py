"""Ends one process that hangs or eats memory: run by it as a program of its own, fed by its event loop over a pipe.

    python -I -S watchdog.py <process> <silence s> <start s> <memory limit MB, 0: none>

`process` is a pidfd, so it never means another process that was given the same number. Each byte on standard input is a
beat. The end of standard input, or of the process, ends the watchdog. Only the standard library, and little of it: it
is there within milliseconds, and nothing that hangs the process can hang it.

Silence is counted in short slices, not read off a clock. A slice that took longer than it should is one in which this
program did not run either (a suspended machine, a frozen container): it says nothing about the process and counts as
one slice.
"""

import contextlib
import os
import select
import signal
import sys

SLICE_S = 0.1
READ_BYTES = 4096
PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 2**20


def main(process: int, silence_s: float, start_s: float, memory_mb: float) -> None:
    """Until the process is gone, whoever ended it."""
    pid = _pid_of(process)
    poller = select.poll()
    poller.register(process, select.POLLIN)
    poller.register(0, select.POLLIN | select.POLLHUP)
    silent_s, limit_s = 0.0, start_s  # until the first beat it may be reading and compiling
    while True:
        ready = {descriptor for descriptor, _ in poller.poll(SLICE_S * 1000)}
        if process in ready or (0 in ready and not os.read(0, READ_BYTES)):
            return
        if 0 in ready:
            silent_s, limit_s = 0.0, silence_s
        else:
            silent_s += SLICE_S
        if silent_s >= limit_s:
            break
        if memory_mb and _memory_mb(pid) > memory_mb:
            break
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(process, signal.SIGKILL)
    why = f"no beat for {limit_s:g} s" if silent_s >= limit_s else f"more than {memory_mb:g} MB of memory"
    os.write(2, f'{{"event": "ended by the watchdog", "level": "error", "pid": {pid}, "reason": "{why}"}}\n'.encode())


def _pid_of(process: int) -> int:
    with open(f"/proc/self/fdinfo/{process}", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Pid:"))


def _memory_mb(pid: int) -> float:
    """Resident; 0 when it is gone."""
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * PAGE_MB
    except (OSError, IndexError):
        return 0.0


if __name__ == "__main__":
    # A stop of the terminal or of the whole group is for the process; this ends with it.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    main(int(sys.argv[1]), *map(float, sys.argv[2:5]))
