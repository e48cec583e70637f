"""Rehearse a crash: a process of its own that SIGKILLs itself at a boundary with a name.

    boundary("paid, not yet noted")                    # in the program: does nothing, unless told to die here
    trial(work, path, kill_at="paid, not yet noted")   # -9: nothing was cleaned up, no `finally` ran
    trial(work, path)                                  # 0: the same program, started again, has finished

SIGKILL cannot be caught, so what the program has not yet written where others find it is lost, as when a
container is evicted or the kernel runs out of memory.
"""

import multiprocessing
import os
import signal
from collections.abc import Callable

from coursekit.errors import CourseError

_kill_at: str | None = None
PATIENCE_S = 60


def boundary(name: str) -> None:
    """A place where a crash may be rehearsed; costs nothing where none is."""
    if name == _kill_at:
        os.kill(os.getpid(), signal.SIGKILL)


def trial(function: Callable, *args, kill_at: str | None = None, timeout_s: float = PATIENCE_S) -> int:
    """Run `function(*args)` in a new process that dies at `kill_at`. Returns its exit code.

    That is 0 when done, 1 when it raised, -9 when killed.
    function: one of a module, since the other process imports it; args: what can be pickled. The first trial
    imports, later ones fork from what it left and take milliseconds.
    Raises: CourseError where the process neither ends nor dies within `timeout_s`.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, function.__module__])
    process = context.Process(target=_run, args=(kill_at, function, args), daemon=True)
    process.start()
    process.join(timeout_s)
    if process.is_alive():
        process.kill()
        process.join()
        raise CourseError(f"{function.__name__} was not done after {timeout_s:g} s; it has been stopped")
    return process.exitcode


def _run(kill_at: str | None, function: Callable, args: tuple) -> None:
    global _kill_at
    _kill_at = kill_at
    function(*args)
