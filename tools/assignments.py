"""`make assignments`: an assignment of each chapter for nbgrader, in _build/marking.

Hand out what lies in `release`. Answers are open cells, tests and all that they build on are locked; an open
exercise becomes a cell of text to read and to mark. `ARGS=--lock` chooses nbgrader's versions anew.
"""

import sys

from tools import editions, environment
from tools.marking import course
from tools.project import ROOT


def main(arguments: list[str] | None = None) -> int:
    given = sys.argv[1:] if arguments is None else arguments
    if "--lock" in given:
        environment.lock(course.NEEDS, course.PINS, course.HEADER)
    paths = editions.asked("assignments", __doc__, [word for word in given if word != "--lock"])
    course.ready()
    try:
        course.make(course.FOLDER, {path.stem: course.read(path) for path in paths})
    except course.Failed as error:
        sys.exit(f"make assignments: {error}")
    release = course.FOLDER / "release"
    print(f"{len(paths)} assignment{'s' if len(paths) > 1 else ''} in {release.relative_to(ROOT)}/")
    return 0


if __name__ == "__main__":
    sys.exit(main())
