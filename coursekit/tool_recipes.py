"""Several tools in a row, written down as data: each step names a tool, its input, and a name for its result.

    steps = [Step(tool="fetch", input={"source": "requests"}, output_key="raw"),
             Step(tool="clean", input={"rows": "${raw}"}, output_key="clean")]
    outcome = run(steps, {"fetch": fetch, "clean": clean})

`${raw}` stands for the result itself, not for its text. A reference to what no earlier step makes is
an error before anything runs. Taught in: notebooks/20_langchain.ipynb
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from langchain_core.tools import BaseTool
from pydantic import BaseModel, ConfigDict, Field

from coursekit.errors import CourseError

REFERENCE = re.compile(r"\$\{(\w+)\}")


class Step(BaseModel):
    """One call of a tool. required: does its failure end the recipe?"""

    model_config = ConfigDict(extra="forbid")

    tool: str
    input: dict = Field(default_factory=dict)
    output_key: str = Field(pattern=r"^\w+$")
    required: bool = True


@dataclass(frozen=True)
class Done:
    """What became of a step: its result, or its error."""

    step: Step
    input: dict
    output: object = None
    error: str = ""

    @property
    def ok(self) -> bool:
        return not self.error


@dataclass
class Outcome:
    results: dict = field(default_factory=dict)  # output_key -> result; None for an optional step that failed
    history: list[Done] = field(default_factory=list)
    total: int = 0

    @property
    def completed(self) -> int:
        return sum(done.ok for done in self.history)

    @property
    def success(self) -> bool:
        """Did all required steps end well?"""
        complete = len(self.history) == self.total
        return complete and all(done.ok or not done.step.required for done in self.history)


def references(value: object) -> list[str]:
    """The names a step's input refers to, however deep they lie.

    >>> references({"rows": "${clean}", "titles": ["${a}", "plain"]})
    ['clean', 'a']
    """
    if isinstance(value, str):
        return REFERENCE.findall(value)
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return [name for each in inner for name in references(each)]


def resolve(value: object, results: Mapping[str, object]) -> object:
    """`value` with every reference replaced. Alone it is the result itself; within a text, its words.

    >>> resolve({"n": "${n}", "text": "n is ${n}"}, {"n": 3})
    {'n': 3, 'text': 'n is 3'}
    """
    if isinstance(value, str):
        alone = REFERENCE.fullmatch(value)
        return results[alone[1]] if alone else REFERENCE.sub(lambda m: str(results[m[1]]), value)
    if isinstance(value, Mapping):
        return {name: resolve(each, results) for name, each in value.items()}
    if isinstance(value, list):
        return [resolve(each, results) for each in value]
    return value


def check(steps: Sequence[Step], tools: Mapping[str, BaseTool]) -> None:
    """Raises: CourseError for a tool nobody has, a name used twice, or a reference to nothing."""
    made: list[str] = []
    for number, step in enumerate(steps, 1):
        if step.tool not in tools:
            raise CourseError(f"step {number} wants the tool {step.tool!r}; there are {', '.join(tools)}")
        if step.output_key in made:
            raise CourseError(f"step {number} makes {step.output_key!r} again; choose another output_key")
        if lost := [name for name in references(step.input) if name not in made]:
            there = ", ".join(made) or "nothing"
            raise CourseError(f"step {number} refers to {lost[0]!r}; before it there is {there}")
        made.append(step.output_key)


def run(steps: Sequence[Step], tools: Mapping[str, BaseTool]) -> Outcome:
    """Carry the steps out. A required one that fails is the last; an optional one leaves None."""
    check(steps, tools)
    outcome = Outcome(total=len(steps))
    for step in steps:
        given = resolve(step.input, outcome.results)
        try:
            done = Done(step, given, tools[step.tool].invoke(given))
        except Exception as error:  # whatever a tool raises, the recipe decides
            done = Done(step, given, error=f"{type(error).__name__}: {error}".splitlines()[0])
        outcome.history.append(done)
        outcome.results[step.output_key] = done.output
        if not done.ok and step.required:
            break
    return outcome
