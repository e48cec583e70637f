"""The task that every framework gets, and the report it gives back. Standard library only.

A buyer asks a clerk, the clerk has one tool, and in some cases something fails. A program is a function from
a `Job` to an answer; it reads where the model is from OPENAI_BASE_URL and OPENAI_API_KEY.
"""

import json
import os
import sys
import time

BUYER = "You buy for a shop. What you do not know you ask the clerk."
CLERK = "You are the clerk. Prices come from your tool."
TASK = "What do 23 crates at 17 euros each cost?"
MARK = "RESULT "  # frameworks print as well; our lines begin with this


class Job:
    """One run of the task. `case` names what fails; `notes` holds messages for the reader."""

    def __init__(self, case: str) -> None:
        self.case, self.tool_calls, self.notes = case, 0, []

    def model(self, role: str) -> str:
        """The name of the model that plays a role: scripted for this case, or JOB_MODEL for both."""
        return os.environ.get("JOB_MODEL") or f"{role}, {self.case}, {os.environ['JOB_FRAMEWORK']}"

    def price_tool(self):
        """The clerk's tool, as a plain function; in the case "tool raises" its first call fails."""

        def price(crates: int, each: int) -> int:
            """Total price in euros of some crates at so many euros each."""
            self.tool_calls += 1
            if self.case == "tool raises" and self.tool_calls == 1:
                raise RuntimeError("the price list is locked; try again")
            return crates * each

        return price


def run(program) -> None:
    """Run a program on the cases that the command line names; print one line of JSON for each."""
    for case in sys.argv[1:]:
        job, answer, error, start = Job(case), "", "", time.perf_counter()
        try:
            answer = str(program(job))
        except Exception as problem:
            error = type(problem).__name__
        seconds = time.perf_counter() - start
        result = {"case": case, "answer": answer, "error": error, "tool_calls": job.tool_calls}
        print(MARK + json.dumps(result | {"notes": job.notes, "seconds": seconds}), flush=True)
