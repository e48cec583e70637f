"""What a class gets from its hub: a git repository with the course, and the link that pulls it."""

import subprocess
from pathlib import Path
from urllib.parse import urlencode

GIT = ["git", "-c", "user.name=Abstract Algorithms Live", "-c", "user.email=course@localhost"]


class GitFailed(Exception):
    """The course cannot be published; the text is what git says."""


def publish(folder: Path, home: Path) -> Path:
    """The files of `folder` as a new state of the git repository that students pull from."""
    bare = home / "course" / "live.git"
    if not bare.exists():
        bare.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        git(["init", "--quiet", "--bare", "--initial-branch=main", str(bare)])
        (bare.parent / "gitconfig").write_text(f"[safe]\n\tdirectory = {bare}\n")
    at = [f"--git-dir={bare}", f"--work-tree={folder}"]
    git([*at, "add", "--all", "."], folder)
    if not has_commit(bare) or git([*at, "status", "--porcelain"], folder):
        git([*at, "commit", "--quiet", "--message", "The course"], folder)
    readable(bare.parent)
    return bare


def has_commit(bare: Path) -> bool:
    return (
        subprocess.run([*GIT, f"--git-dir={bare}", "rev-parse", "HEAD"], capture_output=True).returncode == 0
    )


def readable(folder: Path) -> None:
    """Students may read it, and only the instructor may write."""
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)


def git(words: list[str], folder: Path | None = None) -> str:
    done = subprocess.run([*GIT, *words], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise GitFailed(f"git {words[-1]} failed: {done.stderr.strip()}")
    return done.stdout


def link(url: str, bare: Path, first: str) -> str:
    """The one address that a class needs: it logs in, gets or renews the course, and opens `first`."""
    wanted = {"repo": str(bare), "branch": "main", "urlpath": f"lab/tree/{bare.stem}/{first}"}
    return f"{url}/hub/user-redirect/git-pull?{urlencode(wanted | {'targetpath': bare.stem})}"
