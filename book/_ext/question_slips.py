"""What is wrong with the questions of a chapter: one line a slip, naming the entry and the way out."""

import ast
import operator
from collections.abc import Iterator
from math import isclose
from pathlib import Path

import questions
import yaml
from chapter_cells import Cell, headings, plain, read_cells, stands
from inline import inline
from math_core import LatexError

PREDICT = ("cell", "ask", "options", "answer", "because")
QUIZ = ("ask", "options", "answer", "number", "unit", "tolerance", "by", "because", "evidence", "section")
CHOICE = ("options", "answer")
HIDDEN = {"hide-cell", "hide-output", "remove-cell", "remove-output", "remove-input", "solution"}
_SUMS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
}


def slips(root: Path, name: str) -> list[str]:
    """All slips in the questions of the chapter `name`, which has a file; an empty list is best."""
    notebook = Path(root) / "notebooks" / f"{name}.ipynb"
    if not notebook.exists():
        return [f"there is no notebook {name!r}: name this file like the notebook that it asks about"]
    try:
        parts = yaml.safe_load(questions.home(root, name).read_text(encoding="utf-8"))
    except yaml.MarkedYAMLError as error:
        line = (error.problem_mark or error.context_mark).line + 1
        return [f"line {line} is no YAML ({error.problem}): put a text that holds ': ' or ' #' in quotes"]
    if not isinstance(parts, dict) or not parts or set(parts) - {"predict", "quiz"}:
        return ["the file must hold two lists, `predict:` and `quiz:`, and nothing else"]
    return [slip for part in parts for slip in _part(part, parts[part], read_cells(notebook))]


def _part(part: str, entries: object, cells: tuple[Cell, ...]) -> Iterator[str]:
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        yield f"{part}: must be a list of entries: begin each with `- `, then `field: …`"
        return
    for number, entry in enumerate(entries, 1):
        found = _predict(entry, cells) if part == "predict" else _quiz(entry, cells)
        yield from (f"{part} {number}: {slip}" for slip in found)
    for field in ("ask", "cell"):
        given = [entry[field] for entry in entries if field in entry]
        twice = next((value for value in given if given.count(value) > 1), None)
        if twice is not None:
            yield f"{part}: two entries have the {field} {twice!r}: change or remove one"
    yield from _one_sided(part, entries)


def _predict(entry: dict, cells: tuple[Cell, ...]) -> Iterator[str]:
    yield from _fields(entry, PREDICT, needed=("cell", "ask", "because"))
    yield from _options(entry, most=4, answers=_one_answer(entry))
    known = {cell.id: cell for cell in cells if cell.kind == "code"}
    cell = str(entry.get("cell", ""))
    if cell and cell not in known:
        yield f"no code cell has the id {cell!r}: copy one from the .ipynb, in quotes if it is all digits"
    elif cell and not known[cell].shows:
        yield f"the cell {cell!r} shows no output that could be guessed: take one that does"
    elif cell and known[cell].tags & HIDDEN:
        yield f"the cell {cell!r} hides its output already: take one without such a tag"


def _quiz(entry: dict, cells: tuple[Cell, ...]) -> Iterator[str]:
    yield from _fields(entry, QUIZ, needed=("ask", "because", "evidence", "section"))
    if "number" in entry:
        yield from _number(entry)
    else:
        several = isinstance(entry.get("answer"), list)
        yield from _options(entry, most=6, answers=entry["answer"] if several else _one_answer(entry))
    section, evidence = (str(entry.get(field, "")).strip() for field in ("section", "evidence"))
    if section and plain(section) not in map(plain, headings(cells)):
        yield f"no section is called {section!r}: copy a heading of the notebook, without its #"
    if evidence and not stands(evidence, cells):
        yield f"the evidence {evidence!r} does not stand in the notebook: copy words or a number from it"


def _fields(entry: dict, known: tuple[str, ...], needed: tuple[str, ...]) -> Iterator[str]:
    for field in entry:
        if field not in known:
            yield f"{field!r} is no field of this list: use {', '.join(known)}"
    for field in needed:
        if entry.get(field) in (None, "", []):
            yield f"has no `{field}`: add it"
    options = entry["options"] if isinstance(entry.get("options"), list) else []
    for text in map(str, (entry.get("ask", ""), entry.get("because", ""), *options)):
        try:
            inline(text)
        except LatexError as error:
            yield f"{text!r} holds a formula that is not LaTeX we can draw ({error}): mend it"


def _one_answer(entry: dict) -> list:
    return [] if entry.get("answer") is None else [entry["answer"]]


def _options(entry: dict, most: int, answers: list) -> Iterator[str]:
    options = entry.get("options")
    if not isinstance(options, list) or not 2 <= len(options) <= most:
        yield f"`options` must be a list of 2 to {most} texts" + (", or give a `number`" if most > 4 else "")
        return
    texts = [str(option).strip() for option in options]
    for option in options:
        if isinstance(option, bool | dict | list) or option is None:
            yield f"YAML reads the option {option!r} as something else than a text: put it in quotes"
    if twice := next((text for text in texts if texts.count(text) > 1), None):
        yield f"the option {twice!r} stands there twice: change or remove one"
    if not answers:
        yield "has no `answer`: add the number of the right option, counted from 1"
    elif any(type(answer) is not int or not 1 <= answer <= len(options) for answer in answers):
        yield f"the answer {entry['answer']!r} names no option: count from 1 to {len(options)}"
    elif len(set(answers)) < len(answers):
        yield f"the answer {entry['answer']!r} names an option twice: once is enough"


def _number(entry: dict) -> Iterator[str]:
    number, tolerance = entry["number"], entry.get("tolerance", questions.TOLERANCE)
    if set(CHOICE) & set(entry):
        yield "has a `number` and also `options` or an `answer`: keep one kind"
    if type(number) not in (int, float):
        yield f"the number {number!r} is none: write digits here, and the unit in `unit`"
    elif type(tolerance) not in (int, float) or not 0 <= tolerance < 1:
        yield f"the tolerance {tolerance!r} must be a share, from 0 to below 1"
    elif "by" in entry:
        yield from _follows(number, str(entry["by"]), tolerance)


def _follows(number: float, by: str, tolerance: float) -> Iterator[str]:
    try:
        computed = _compute(ast.parse(by, mode="eval").body)
    except (SyntaxError, KeyError, ArithmeticError):
        yield f"`by: {by}` cannot be computed: use numbers, + - * / ** and brackets"
        return
    if not isclose(computed, number, rel_tol=tolerance):
        yield f"`by: {by}` gives {computed:g} and not {number:g}: mend one of the two"


def _compute(node: ast.expr) -> float:
    """The value of a sum of numbers. Raises: KeyError for anything else."""
    match node:
        case ast.Constant(value=int() | float() as value):
            return value
        case ast.UnaryOp(op=op, operand=operand):
            return _SUMS[type(op)](_compute(operand))
        case ast.BinOp(left=left, op=op, right=right):
            return _SUMS[type(op)](_compute(left), _compute(right))
    raise KeyError(type(node).__name__)


def _one_sided(part: str, entries: list[dict]) -> Iterator[str]:
    """A reader who learns that it is always the first option learns nothing else."""
    answers = [entry.get("answer") for entry in entries if "options" in entry]
    single = [answer for answer in answers if type(answer) is int]
    if len(single) > 2 and len(set(single)) == 1:
        yield f"{part}: option {single[0]} is right {len(single)} times out of {len(single)}: mix the options"
