"""How a student's server is started: as a system user of its own, or as the one who started the hub."""

import os
import pwd
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path

from jupyterhub.spawner import LocalProcessSpawner, SimpleLocalProcessSpawner, set_user_setuid
from limits import Group, Limits, alone, version
from traitlets import Integer, Unicode

PREFIX = "student-"  # of system users: nobody who logs in as "daemon" becomes the machine's daemon


def whole(homes: str) -> str:
    """The control group of a class; another hub on this machine has another."""
    return f"live-hub-{zlib.crc32(homes.encode()):08x}"


class Limited(LocalProcessSpawner):
    """Holds a student to `mem_limit`, `cpu_limit` and `process_limit`; the kernel of Linux does it."""

    homes = Unicode(help="The folder in which each student has a folder.").tag(config=True)
    process_limit = Integer(512, help="Processes and threads that one student may have.").tag(config=True)

    @property
    def limits(self) -> Limits:
        return Limits(self.mem_limit, self.cpu_limit, self.process_limit)

    @property
    def group(self) -> Group:
        return Group(f"{whole(self.homes)}/{self.user.name}")

    def hold(self) -> Callable[[], None]:
        """What the new process calls first. Control groups are made here, by the hub."""
        if version() is None:
            return alone(self.limits)
        self.group.make(self.limits)
        return self.group.join

    async def poll(self) -> int | None:
        """As JupyterHub asks; and what has outlived its server ends."""
        status = await super().poll()
        if status is not None and version() is not None:
            self.group.end()
        return status


class OneUser(Limited, SimpleLocalProcessSpawner):
    """All students are one system user: they have folders of their own, and could read each other's."""

    def make_preexec_fn(self, name: str) -> Callable[[], None]:
        hold, home = self.hold(), Path(self.home_dir)

        def begin() -> None:
            hold()
            home.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.chdir(home)

        return begin


class OwnUser(Limited):
    """Each student is a system user, made at the first start. The hub runs as root for that."""

    @property
    def account(self) -> str:
        return PREFIX + self.user.name

    @property
    def home(self) -> Path:
        return Path(self.homes, self.user.name)

    def make_preexec_fn(self, name: str) -> Callable[[], None]:
        self.have_account()
        hold, become = self.hold(), set_user_setuid(self.account)

        def begin() -> None:
            hold()
            become()

        return begin

    def have_account(self) -> None:
        """A system user without a password, whose folder is closed to others."""
        try:
            pwd.getpwnam(self.account)
        except KeyError:
            was_there = self.home.exists()
            useradd = ["useradd", "--create-home", "--home-dir", str(self.home), "--shell", "/bin/bash"]
            subprocess.run([*useradd, "--key", "UMASK=077", self.account], check=True, capture_output=True)
            if was_there:  # restored from a backup, its files belong to a number of before
                owner = f"{self.account}:{self.account}"
                subprocess.run(
                    ["chown", "--recursive", "--no-dereference", owner, str(self.home)], check=True
                )
            self.home.chmod(0o700)

    def user_env(self, env: dict[str, str]) -> dict[str, str]:
        self.have_account()
        user = pwd.getpwnam(self.account)
        return env | {
            "USER": self.account,
            "LOGNAME": self.account,
            "HOME": user.pw_dir,
            "SHELL": user.pw_shell,
        }
