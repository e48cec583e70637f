"""Ten prompting techniques on the same forty-eight questions, by the local model, as the notebook asks.

The answers are recorded in coursekit/data/prompting.json, from which notebooks/06_llm_prompting_and_rag.ipynb
draws its table; some minutes on two cores.
"""

import datetime
import json
import sys

from coursekit import corpus, llm
from coursekit.chapters import chapter

HOME = corpus.DATA / "prompting.json"


def main() -> int:
    notebook = chapter("06_llm_prompting_and_rag")
    belief = lambda text, said: float(f"{notebook.judged_by_the_model(text, said):.6g}")
    questions, runs = notebook.QUESTIONS, {}
    for name, technique in notebook.TECHNIQUES.items():
        runs[name] = notebook.measure(technique, questions)
        hits = sum(given == one.answer for given, one in zip(runs[name]["answers"], questions, strict=True))
        low, high = notebook.wilson(hits, len(questions))
        print(f"  {name:26} {hits:2} of {len(questions)}  [{low:.0%}, {high:.0%}]  {runs[name]['seconds']} s")
    drawn = [[[said, belief(one.text, said)] for said in notebook.draw_sums(one.text)] for one in questions]
    record = {
        "model": llm.model(real=True),
        "date": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        "questions": [one.text for one in questions],
        "runs": runs,
        "drawn": drawn,  # what the tree drew, and the model's belief in each
    }
    HOME.write_text(json.dumps(record, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    print(f"recorded in {HOME.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
