"""What nbgrader does to a submission here, in steps of its own kind: run, judge, tame.

nbgrader's score follows from the outputs of a test's cell. Those are written here, after the judgement: what
the submission itself printed there is dropped, and so is whatever in its outputs a browser could run.
"""

import base64
import re
from pathlib import Path

from nbformat.v4 import new_output
from nbgrader.preprocessors import (
    AssignLatePenalties,
    CheckCellMetadata,
    ClearOutput,
    DeduplicateIds,
    LimitOutput,
    NbGraderPreprocessor,
    OverwriteCells,
    OverwriteKernelspec,
    SaveAutoGrades,
)

from tools import editions
from tools.marking import hidden, judge
from tools.marking.run import Run

PICTURES = ("image/png", "image/jpeg")
TAG = re.compile(r"<(?=[A-Za-z/!?])")
LINK = re.compile(r"\](?=\s*[(\[:])")  # one may lead to a script
NO_WIDTH = "\u200b"


def steps(job: dict) -> tuple[list, list]:
    """The two chains of nbgrader's autograder, for one submission.   job: gets what is found as `result`."""
    made = {"job": job}
    runs, judges = (type(kind.__name__, (kind,), made) for kind in (KeptRun, Judge))
    before = [ClearOutput, DeduplicateIds, OverwriteKernelspec, OverwriteCells, CheckCellMetadata]
    after = [runs, judges, LimitOutput, SaveAutoGrades, AssignLatePenalties, CheckCellMetadata, Tame]
    return before, after


class KeptRun(Run):
    """As `Run`, and its findings are there for the next step."""

    def preprocess(self, nb, resources):
        self.job["run"] = self
        self.whole = self.job["reference"]["whole"]
        return super().preprocess(nb, resources)


class Judge(NbGraderPreprocessor):
    """Compares the answers with those of the reference, and writes the outcome where nbgrader looks."""

    job: dict

    def preprocess(self, nb, resources):
        run, result = self.job["run"], self.job["result"]
        theirs = [cell for cell in nb.cells if cell.cell_type == "code" and is_theirs(cell)]
        for cell in nb.cells:
            if cell.metadata.get("nbgrader", {}).get("grade"):
                result["exercises"].append(self.one(cell, run, theirs))
        if run.guard.routes and not self.job["reference"]["routes"]:
            result["remarks"].append("tried the network")
        if run.guard.why:
            result["remarks"].append(run.guard.why)
        return nb, resources

    def one(self, cell, run, theirs) -> dict:
        name = cell.metadata.nbgrader.grade_id
        found = {"id": name, "of": cell.metadata.nbgrader.points, "said": ""}
        if cell.cell_type != "code":
            return found | {"state": "to be read"}
        reference = self.job["reference"]["answers"][name]
        state, said = self.verdict(name, cell, run, reference)
        verdict = judge.Verdict(state, written(said))
        right = verdict.state == judge.RIGHT
        if right and verdict.said:
            cell.outputs = [new_output("stream", name="stdout", text=f"{verdict.state}: {verdict.said}\n")]
        elif right:
            cell.outputs = [new_output("stream", name="stdout", text=f"{verdict.state}\n")]
        else:
            said = f"{verdict.state}: {verdict.said}".removesuffix(": ")
            cell.outputs = [new_output("error", ename="NoPoint", evalue=said, traceback=[said])]
        copied = sorted(hidden.witnesses(cell.source) & used(theirs, name) - set(reference["solution_uses"]))
        more = [f"uses the witness {each}" for each in copied]
        if right and reference["constant"]:
            more.append("all right answers are alike: look at the code")
        return found | {"state": verdict.state, "said": verdict.said, "remarks": more}

    def verdict(self, name, cell, run, reference):
        given = run.answers.get(name)
        if given is None and name in run.states:
            return judge.Verdict(run.states[name], "")
        if given is None:
            return judge.Verdict(judge.NO_ANSWER, run.errors.get(name, ""))
        return judge.judge(given, reference, hidden.read(cell.source).tolerance)


def is_theirs(cell) -> bool:
    return bool(cell.metadata.get("changed") or cell.metadata.get("nbgrader", {}).get("solution"))


def used(cells: list, name: str) -> set[str]:
    """Names that the answer to an exercise uses, or cells of their own."""
    found = set()
    for cell in cells:
        if cell.metadata.get("changed") or cell.metadata.nbgrader.grade_id == f"{name}-answer":
            try:
                found |= editions.names([cell])[1]
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                continue
    return found


class Tame(NbGraderPreprocessor):
    """Leaves text and pictures of the outputs, and of what they wrote no tag and no link."""

    def preprocess_cell(self, cell, resources, cell_index):
        if cell.cell_type == "code":
            cell.outputs = [tamed for output in cell.outputs if (tamed := tame(output))]
        elif is_theirs(cell):
            cell.source = LINK.sub(f"]{NO_WIDTH}", TAG.sub(f"<{NO_WIDTH}", cell.source))
        cell.pop("attachments", None)
        cell.metadata.pop("changed", None)
        return cell, resources


def tame(output):
    """The output in text and pictures, or None."""
    kind = output.output_type
    if kind == "stream":
        name = "stdout" if output.name == "stdout" else "stderr"
        return new_output("stream", name=name, text=written(output.text))
    if kind == "error":
        lines = [written(line) for line in output.get("traceback", [])]
        ename, evalue = written(output.ename), written(output.evalue)
        return new_output("error", ename=ename, evalue=evalue, traceback=lines)
    data = {}
    if isinstance(text := output.get("data", {}).get("text/plain"), str):
        data["text/plain"] = written(text)
    for mime in PICTURES:
        if is_base64(picture := output.get("data", {}).get(mime)):
            data[mime] = "".join(picture.split())
    return new_output("display_data", data=data) if data else None


def written(text) -> str:
    """A text as a file can hold it: half a pair of surrogates is no character."""
    return str(text).encode("utf-8", "replace").decode()


def is_base64(text) -> bool:
    try:
        return isinstance(text, str) and bool(base64.b64decode("".join(text.split()), validate=True))
    except ValueError:
        return False


def feedback_wall(page: Path) -> None:
    """Let a page of feedback run nothing and load nothing."""
    rules = (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'"
    )
    wall = f'<head>\n<meta http-equiv="Content-Security-Policy" content="{rules}">'
    text = page.read_text(encoding="utf-8")
    if "<head>" not in text:
        raise ValueError(f"{page.name} has no head to put a wall into")
    page.write_text(text.replace("<head>", wall, 1), encoding="utf-8")
