"""The one error a learner meets when the surroundings are not as a notebook needs them."""


class CourseError(RuntimeError):
    """One sentence: what was found, and the way out. A notebook shows that line and no traceback."""

    def _render_traceback_(self) -> list[str]:  # what IPython asks an exception that knows better
        return [f"{type(self).__name__}: {self}"]
