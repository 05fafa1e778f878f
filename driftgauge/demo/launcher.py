"""Becomes another program that the kernel ends when its parent ends, however the parent ended.

Executed as a file in a bare interpreter (`python -I -S launcher.py PARENT_PID PROGRAM ARGUMENT...`), which
takes 20 ms and, unlike `preexec_fn`, runs no Python between fork and exec of a program with threads.
Elsewhere than on Linux it only executes the program.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # include/uapi/linux/prctl.h


def main(arguments: list[str]) -> None:
    """Never returns."""
    parent, *command = arguments
    if sys.platform == "linux":
        # Cleared by fork but kept by execve. SIGKILL, since nobody is left who could insist.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != int(parent):
            sys.exit("launcher: found that the parent has ended already")
    try:
        os.execvp(command[0], command)  # noqa: S606  # exec is this file's purpose
    except OSError as error:
        sys.exit(f"{command[0]}: found {error.strerror}, need a program that this user may execute")


if __name__ == "__main__":
    main(sys.argv[1:])
