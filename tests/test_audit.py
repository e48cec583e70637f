"""The audit log: whatever is done to a line, the chain shows where."""

import hashlib
import json

from hypothesis import given
from hypothesis import strategies as st

from coursekit.audit import START, Audit, first_forged

logs = st.lists(st.tuples(st.integers(0, 600), st.text(max_size=8)), min_size=1, max_size=8)


def written(entries):
    audit = Audit()
    for minute, word in entries:
        audit.add(minute, "look", {"word": word}, "auto", word)
    return audit


@given(logs)
def test_an_untouched_log_fits_and_each_line_holds_the_hash_of_the_one_before(entries):
    audit = written(entries)
    assert first_forged(audit.lines, audit.head) is None
    before = [START, *(hashlib.sha256(line.encode()).hexdigest() for line in audit.lines)]
    assert [entry["before"] for entry in audit.entries] == before[:-1] and audit.head == before[-1]


@given(logs, st.data())
def test_a_changed_line_is_found_at_the_next_one(entries, data):
    audit = written(entries)
    at = data.draw(st.integers(0, len(entries) - 1))
    forged = json.dumps(json.loads(audit.lines[at]) | {"verdict": "deny"})
    assert first_forged([*audit.lines[:at], forged, *audit.lines[at + 1 :]], audit.head) == at + 1


@given(logs, st.data())
def test_a_missing_line_is_found_where_it_stood(entries, data):
    audit = written(entries)
    at = data.draw(st.integers(0, len(entries) - 1))
    assert first_forged(audit.lines[:at] + audit.lines[at + 1 :], audit.head) == at


@given(logs)
def test_a_cut_end_is_found_only_by_the_head_that_was_kept_elsewhere(entries):
    audit = written(entries)
    cut = audit.lines[:-1]
    assert first_forged(cut, audit.head) == len(cut)
    assert first_forged(cut, audit.entries[-1]["before"]) is None
