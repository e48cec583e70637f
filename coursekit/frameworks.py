"""One task in several agent frameworks, each in a Python environment of its own.

    frameworks.installed("crewai")            # is its environment there? `make frameworks` builds it
    frameworks.run("crewai", ["fine"], env)   # the program as a process; one dictionary for each case
    frameworks.recorded("crewai")             # what was measured when it last ran: runs and facts

The frameworks cannot live together (CrewAI wants openai 2 and AutoGen an older protobuf), so none of them can
break another, or the course. The programs, and the pins of each environment, lie in `data/frameworks`.
Taught in: notebooks/12_agent_frameworks.ipynb
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from coursekit.errors import CourseError
from coursekit.servers import free_port

DATA = Path(__file__).parent / "data" / "frameworks"
RECORD = Path(__file__).parent / "data" / "frameworks.json"
HOME = Path(sys.prefix) / "frameworks"  # one environment in each folder, beside the course's own
MARK = "RESULT "  # as in data/frameworks/job.py


class Framework(NamedTuple):
    """What is run, and from which distributions; without any it runs in the course's own environment."""

    title: str
    needs: tuple[str, ...] = ()


FRAMEWORKS = {
    "plain": Framework("no framework"),
    "langgraph": Framework("LangChain, LangGraph"),
    "spade": Framework("SPADE", ("spade==4.1.4", "greenlet", "openai")),  # its SQLAlchemy forgets greenlet
    "autogen": Framework("AutoGen", ("autogen-agentchat==0.7.5", "autogen-ext[openai]==0.7.5")),
    "agent_framework": Framework(
        "Microsoft Agent Framework", ("agent-framework-core==1.23.0", "agent-framework-openai==1.17.0")
    ),
    "crewai": Framework("CrewAI", ("crewai==1.15.30",)),
}


def python(name: str) -> Path:
    """The Python of a framework's environment, whether it is there or not."""
    if not _known(name).needs:
        return Path(sys.executable)
    return HOME / name / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def installed(name: str) -> bool:
    """Can the framework be run here?"""
    return python(name).exists()


def source(name: str) -> str:
    """The program: what one writes to let two agents do the task."""
    _known(name)
    return (DATA / f"in_{name}.py").read_text(encoding="utf-8").rstrip()


def run(name: str, cases: Sequence[str], env: Mapping[str, str], *, timeout_s: float = 180) -> list[dict]:
    """Run the program on the cases, in its environment and in an empty folder.

    env: OPENAI_BASE_URL and OPENAI_API_KEY of the model, perhaps JOB_MODEL, its name.
    Returns: case, answer, error, tool_calls, notes, seconds, one dictionary a case.
    Raises: CourseError if its environment is not there, it ends early, or takes longer than `timeout_s`.
    """
    if not installed(name):
        raise CourseError(f"{_known(name).title} is not here; `make frameworks ARGS={name}` installs it")
    with tempfile.TemporaryDirectory() as folder:
        settings = {**os.environ, **env, "JOB_FRAMEWORK": name, "HOME": folder, "NO_PROXY": "127.0.0.1"}
        command = [str(python(name)), str(DATA / f"in_{name}.py"), *cases]
        try:
            done = subprocess.run(
                command, env=settings, cwd=folder, capture_output=True, text=True, timeout=timeout_s
            )
        except subprocess.TimeoutExpired:
            raise CourseError(f"{_known(name).title} took longer than {timeout_s:g} s") from None
    lines = [line for line in done.stdout.splitlines() if line.startswith(MARK)]
    results = [json.loads(line.removeprefix(MARK)) for line in lines]
    if len(results) < len(cases):
        words = " ".join(done.stderr.strip().splitlines()[-3:])
        raise CourseError(f"{_known(name).title} ended after {len(results)} of {len(cases)} cases: {words}")
    return results


@cache
def _record() -> dict:
    return json.loads(RECORD.read_text(encoding="utf-8"))


def recorded(name: str) -> dict:
    """What was measured when `make frameworks` last ran: `runs`, one a case, and `facts`."""
    _known(name)
    return _record()[name]


def jade(jar: str, *, timeout_s: float = 60) -> str:
    """The task in JADE (data/frameworks/Meeting.java): what its buyer prints, the two messages.

    jar: the path of jade.jar.   Raises: CourseError if Java or the jar is missing, or the program fails.
    """
    if not (shutil.which("java") and shutil.which("javac") and Path(jar).is_file()):
        raise CourseError(f"JADE needs java, javac and JADE_JAR=/path/to/jade.jar; got {Path(jar).name!r}")
    with tempfile.TemporaryDirectory() as folder:
        path = os.pathsep.join([str(Path(jar).resolve()), folder])
        compiling = ["javac", "-cp", path, "-d", folder, str(DATA / "Meeting.java")]
        for command in (compiling, ["java", "-cp", path, "Meeting", str(free_port())]):
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=timeout_s)
            if done.returncode:
                raise CourseError(f"{command[0]} failed: {' '.join(done.stderr.strip().splitlines()[:2])}")
    return done.stdout


def _known(name: str) -> Framework:
    if name not in FRAMEWORKS:
        raise CourseError(f"no framework is called {name!r}; there is {', '.join(FRAMEWORKS)}")
    return FRAMEWORKS[name]
