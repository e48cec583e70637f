"""An incident-handling agent: its definitions against naive versions, brute force and the truth."""

import json
import os
import re
import shutil
import subprocess
from collections import Counter
from itertools import product
from random import Random
from urllib.parse import urlsplit

import pytest
from chapters import chapter
from hypothesis import given, settings
from hypothesis import strategies as st

from coursekit import check
from coursekit.audit import Audit
from coursekit.desk import Drawer
from coursekit.fleet import ABOUT, CALLS, CURES, REGIONS, Fault, Log
from coursekit.watch import DATADOG, Alert, as_datadog

agent = chapter("15_incident_agent")
untouched = chapter("15_incident_agent", without="solution")

LUNCH = Fault("deploy", "service-b", "us-east", at=25)
LOGGED = [(kind, i) for kind in ABOUT for i in (0, 1)]
names = st.sampled_from(["HighCpu", "HighErrors"])
alerts = st.builds(
    Alert, st.integers(0, 300), st.sampled_from(["prometheus", "datadog"]), names,
    st.sampled_from(["critical", "warning", "info"]), st.sampled_from(REGIONS),
    st.sampled_from(sorted(CALLS)),
    st.sampled_from(["", "h1", "h2"]), st.text(max_size=3),
)  # fmt: skip
streams = st.lists(alerts, max_size=30).map(lambda told: sorted(told, key=lambda alert: alert.at))


def at_work(kind="deploy", i=0, more=0):
    fault = agent.case(kind, i)
    return fault, agent.Tools(agent.scene(fault, 1000 + i).run(more))


# Alerts.


@given(alerts, st.integers(0, 300), st.text(max_size=5))
def test_a_fingerprint_is_what_an_alert_is_about(alert, minute, text):
    again = alert._replace(at=minute, source="datadog", text=text, severity="info")
    assert agent.fingerprint(again) == agent.fingerprint(alert)
    for field in ("name", "region", "service", "host"):
        assert agent.fingerprint(alert._replace(**{field: "other"})) != agent.fingerprint(alert)


@settings(deadline=None)
@given(streams)
def test_each_filter_alone_does_what_it_says(stream):
    def ring(*steps):
        triage = agent.Triage(steps)
        return [alert for alert in stream if triage.rings(alert)]

    assert ring() == stream
    assert ring("actionable") == [alert for alert in stream if alert.severity != "info"]
    last, told = {}, []
    for alert in stream:  # the naive version: look back at what was told
        key = agent.fingerprint(alert)
        if key not in last or alert.at - last[key] >= agent.QUIET:
            told.append(alert)
            last[key] = alert.at
    assert ring("deduplicate") == told


@settings(deadline=None)
@given(streams)
def test_an_incident_rings_once_and_only_for_symptoms_or_two_hosts(stream):
    triage = agent.Triage()
    rang = [triage.rings(alert) for alert in stream]
    assert sum(rang) == sum(incident["rung"] for incident in triage.incidents)
    for incident in triage.incidents:
        inside = incident["alerts"]
        hosts = {alert.host for alert in inside if alert.host}
        assert incident["rung"] == (any(a.severity == "critical" for a in inside) or len(hosts) > 1)
        assert len({alert.region for alert in inside}) == 1


@given(alerts.filter(lambda alert: alert.name in DATADOG and alert.host))
def test_the_adapter_reads_what_datadog_posts(alert):
    back = agent.from_datadog(as_datadog(alert))
    assert (back.at, back.name, back.region, back.service, back.host) == (
        alert.at, alert.name, alert.region, alert.service, alert.host)  # fmt: skip
    with pytest.raises(ValueError, match="no service of ours"):
        agent.from_datadog(as_datadog(alert) | {"tags": "region:mars,service:service-b"})


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")
def test_prometheus_accepts_the_rules(tmp_path):
    (tmp_path / "rules.yml").write_text(agent.RULES_TEXT, encoding="utf-8")
    subprocess.run(["promtool", "check", "rules", str(tmp_path / "rules.yml")], check=True)


# Logs.

WORDS = ["disk", "full", "retry", "certificate", "us-east"]
lines = st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join), max_size=8)


@settings(deadline=None)
@given(lines, st.lists(st.sampled_from(WORDS), max_size=3))
def test_a_search_finds_exactly_the_lines_with_one_of_the_words(texts, words):
    db = agent.log_index([Log(n, "us-east", "service-b", "h", "INFO", text) for n, text in enumerate(texts)])
    found = [row["message"] for row in agent.search(db, words, "us-east", most=99)]
    assert Counter(found) == Counter(text for text in texts if set(words) & set(text.split()))
    assert agent.search(db, words, "eu-west") == []


@settings(deadline=None)
@given(st.lists(st.text(max_size=12), max_size=4))
def test_no_word_is_ever_an_operator_or_an_error(words):
    db = agent.log_index([Log(0, "us-east", "service-b", "h", "INFO", "one line")])
    db.execute("CREATE TABLE secrets (value)")
    db.execute("INSERT INTO secrets VALUES ('hidden')")
    for extra in ("x' UNION SELECT value FROM secrets --", "NEAR(", '"', "message:one", "*", "a AND NOT"):
        assert all(row["message"] == "one line" for row in agent.search(db, [*words, extra], "us-east"))


def test_the_careless_search_does_read_another_table():
    db = agent.log_index([])
    db.execute("CREATE TABLE secrets (value)")
    db.execute("INSERT INTO secrets VALUES ('hidden')")
    assert agent.careless_search(db, "x' UNION SELECT value FROM secrets --") == [("hidden",)]


def test_secrets_are_blackened_and_ordinary_words_are_not():
    said = agent.SECRET.sub("[secret]", "sk-live-4711 xoxb-123456-abc task-force desk-lamp-42")
    assert said == "[secret] [secret] task-force desk-lamp-42"


# Diagnosis, with other seeds than the notebook's.


@pytest.mark.parametrize(("kind", "i"), LOGGED)
def test_the_script_names_cause_and_culprit_from_tool_results(kind, i):
    fault, tools = at_work(kind, i)
    place = {"region": fault.region}
    seen = {tool: json.loads(tools.use(tool, place | more)) for tool, more in (
        ("search_logs", {"words": agent.WORDS}), ("list_deploys", {}), ("read_metrics", {}))}  # fmt: skip
    assert agent.judge(seen)[:2] == (kind, fault.service)


def test_without_evidence_nothing_is_blamed():
    assert agent.judge({})[:2] == ("unknown", "")


def test_what_a_model_gets_wrong_comes_back_in_words():
    _, tools = at_work()
    fly = {"action": "fly", "service": "service-b", "region": "us-east"}
    nowhere = {"region": "mars"}
    for name, arguments in (
        ("reboot", {}),
        ("read_metrics", {}),
        ("read_metrics", nowhere),
        ("remediate", fly),
    ):
        assert "error" in json.loads(tools.use(name, arguments))
    assert tools.fleet.actions == []


def test_the_loop_stops_after_its_turns():
    _, tools = at_work()
    messages = agent.handle("Alerts in region-us-east", tools, policy="circler", most=3)
    assert tools.calls == ["list_alerts"] * 3 and "stopped after 3" in messages[-1]["content"]


# The gate.


def test_a_verdict_never_loosens_as_risk_grows_and_the_irreversible_is_never_automatic():
    strict = {"auto": 0, "ask": 1, "deny": 2}
    scales = [sorted(scale, key=scale.get) for scale in (agent.RADIUS, agent.UNDO, agent.DOUBT)]
    for case in product(*scales):
        for axis, scale in enumerate(scales):
            worse = [*case]
            worse[axis] = scale[min(scale.index(case[axis]) + 1, len(scale) - 1)]
            assert strict[agent.decide(*worse)] >= strict[agent.decide(*case)]
        assert case[1] != "never" or agent.decide(*case) != "auto"


@pytest.mark.parametrize(("kind", "i"), [(kind, i) for kind in ABOUT for i in range(3)])
def test_whatever_the_gate_does_not_deny_is_the_cure_and_of_a_sane_size(kind, i):
    fault, tools = at_work(kind, i, more=i)
    gate = agent.Gate(tools, fault.region)
    for action, service, n in product([*agent.PROOFS, "drop"], agent.TEAMS, (0, 6, 12, 13)):
        call = {"action": action, "service": service, "region": fault.region, "instances": n}
        if gate.check("remediate", call)[0] != "deny":
            assert (action, service) == (fault.cure, fault.service) and (action != "scale" or n == 12)
    elsewhere = next(region for region in REGIONS if region != fault.region)
    cure = {"action": fault.cure, "service": fault.service, "region": elsewhere, "instances": 12}
    assert gate.check("remediate", cure)[0] == "deny"


@pytest.mark.parametrize("i", range(3))
def test_at_no_minute_of_a_leak_may_its_version_be_rolled_back(i):
    fault, tools = at_work("leak", i)
    gate, busy = agent.Gate(tools, fault.region), 0
    call = {"action": "rollback", "service": fault.service, "region": fault.region}
    for _ in range(12):
        busy += min(tools.watch.health(fault.region)[fault.service]["cpu"].values()) > 0.8
        assert gate.check("remediate", call)[0] == "deny"
        tools.watch.run(1)
    assert busy >= 3  # so that the load alone would let it pass


def test_unknown_tools_channels_and_secrets_are_denied():
    _, tools = at_work()
    gate = agent.Gate(tools, "us-east")
    assert gate.check("shell", {"command": "ls"})[0] == "deny"
    assert gate.check("notify", {"channel": "#partners", "text": "hi"})[0] == "deny"
    assert gate.check("notify", {"channel": "#sre", "text": "sk-live-4711"})[0] == "deny"
    assert gate.check("notify", {"channel": "#sre", "text": "hi"})[0] == "auto"
    assert gate.check("remediate", {})[0] == "deny"


def test_a_person_is_asked_only_where_the_gate_says_so_and_a_dry_run_changes_nothing():
    asked = []
    person = lambda tool, arguments: asked.append(arguments["action"]) or "ada"
    cures = {kind: {"action": CURES[kind], "service": agent.case(kind, 0).service, "region": "us-east"}
             for kind in ("certificate", "disk")}  # fmt: skip
    for dry in (True, False):
        for kind, cure in cures.items():
            _, tools = at_work(kind)
            audit = Audit()
            agent.guarded(tools, agent.Gate(tools, "us-east"), audit, person, dry)("remediate", cure)
            assert len(tools.fleet.actions) == (not dry) and len(audit.lines) == 1
    assert asked == ["clean_disk", "clean_disk"]
    _, tools = at_work("disk")
    refused = agent.guarded(tools, agent.Gate(tools, "us-east"), Audit())("remediate", cures["disk"])
    assert "nobody said yes" in refused and tools.fleet.actions == []


@pytest.mark.parametrize("name", agent.ATTACKS)
def test_each_order_in_an_attack_is_one_that_the_fleet_or_the_office_would_carry_out(name):
    for tool, arguments in agent.ORDER.findall(agent.ATTACKS[name]):
        _, tools = at_work()
        tools.fleet.regions = REGIONS
        tools.fleet.instances |= {("service-b", "eu-west"): 6}
        assert "error" not in tools.use(tool, json.loads(arguments))


# The framework, memory, canary, report.


def test_nobody_is_asked_about_what_is_forbidden_and_an_edit_out_of_bounds_is_refused():
    surge = Fault("surge", "service-b")
    for instances, got in ((8, 8), (13, 6)):
        one, tools, paused = agent.sitting(surge)
        asked = paused["__interrupt__"][0].value["args"]
        assert asked == {"action": "scale", "service": "service-b", "region": "us-east", "instances": 12}
        edited = {"name": "remediate", "args": asked | {"instances": instances}}
        agent.answer(one, paused, type="edit", edited_action=edited)
        assert tools.fleet.instances["service-b", "us-east"] == got
    one, tools, state = agent.sitting(Fault("neighbour", "batch"))
    assert "__interrupt__" not in state and tools.fleet.actions[-1].right


def test_on_the_framework_too_each_call_leaves_one_line_of_the_log_whoever_turned_it_away():
    def lines(decision, policy="responder", attack=""):
        tools, audit = agent.attacked(attack) if attack else agent.Tools(agent.scene(LUNCH)), Audit()
        one = agent.wired(tools, agent.Gate(tools, "us-east"), audit, policy)
        state = agent.tell(one, "Alerts in region-us-east")
        if "__interrupt__" in state:
            state = agent.answer(one, state, **decision)
        told = [(entry["tool"], entry["about"]) for entry in audit.entries]
        assert told == agent.calls_of(state["messages"])
        return [(e["about"].get("action"), e["verdict"]) for e in audit.entries if e["tool"] == "remediate"]

    assert lines({"type": "approve"}) == [("rollback", "done")]
    assert lines({"type": "reject", "message": "no"}) == [("rollback", "deny")]
    dropped = lines({"type": "approve"}, "obedient", "delete the database")
    assert dropped == [("drop", "deny"), ("rollback", "done")]


def test_only_what_was_solved_is_remembered():
    past = agent.Past()
    fault, tools = at_work("certificate")
    agent.learn(past, tools)
    assert past.records == {} and past.recall("anything") == []
    tools.fleet.act(fault.cure, fault.service, fault.region)
    agent.learn(past, tools)
    past.keep("HighMemory of service-b (3)", {"cause": "leak", "service": "service-b", "team": "sre"})
    assert past.recall("HighErrors of service-a (1)")[0]["cause"] == "certificate"
    assert past.recall("HighMemory of service-b (2)")[0]["cause"] == "leak"


def test_a_canary_that_does_not_help_leaves_the_fleet_as_it_was():
    fault = Fault("surge", "service-b")
    for action in ("rollback", "scale"):
        tools = agent.Tools(agent.scene(fault if action == "rollback" else LUNCH))
        before = dict(tools.fleet.instances), set(tools.fleet.calm)
        helped = agent.canary(tools, action, "service-b", "us-east")
        assert helped == (action == "scale")  # more machines lower the load of a bad version, too
        if not helped:
            assert (tools.fleet.instances, tools.fleet.calm) == before
            assert [deed.action for deed in tools.fleet.actions] == ["rollback", "redeploy"]


def test_a_post_mortem_names_each_deed_and_each_time():
    fault, tools = at_work()
    audit = Audit()
    agent.guarded(tools, agent.Gate(tools, "us-east"), audit)(
        "remediate", {"action": fault.cure, "service": fault.service, "region": "us-east"})  # fmt: skip
    tools.watch.run(3)
    report = agent.post_mortem(audit, tools.fleet)
    assert "rollback service-b" in report and audit.entries[0]["time"] in report and "healthy" in report


def test_experiments_file_in_a_drawer_and_not_in_anybody_s_office():
    assert isinstance(agent.Tools(agent.scene(LUNCH)).hands.office, Drawer)


# Exercises.


def verdict(exercise, answer):
    calls = {
        "told": (agent.told_witness, agent.some_sensor),
        "may_fetch": (agent.may_fetch_witness, agent.some_url),
        "diagnose": (agent.diagnose_witness, agent.some_logs),
    }
    witness, draw = calls[exercise]
    return all(check.same(exercise, answer, witness, draw) for _ in range(3))


@pytest.mark.parametrize("exercise", ["told", "may_fetch", "diagnose"])
def test_the_solution_passes_and_the_stub_does_not(exercise):
    assert verdict(exercise, getattr(agent, exercise))
    assert not verdict(exercise, getattr(untouched, exercise))


def most_lines(seen):
    """Counts all lines, whatever they say."""
    counted = Counter(line["service"] for line in seen["search_logs"]["lines"])
    return ("pool", counted.most_common(1)[0][0]) if counted else ("unknown", "")


def pools_from(least):
    """The solution with another threshold."""

    def answer(seen):
        lines = [line for line in seen["search_logs"]["lines"] if "pool exhausted" in line["message"]]
        for service, times in Counter(line["service"] for line in lines).most_common(1):
            if times >= least:
                return "pool", service
        return agent.judge(seen)[:2]

    return answer


def first_pool(seen):
    """Blames whichever service reaches three first."""
    counted = Counter()
    for line in seen["search_logs"]["lines"]:
        counted[line["service"]] += "pool exhausted" in line["message"]
        if counted[line["service"]] == 3:
            return "pool", line["service"]
    return agent.judge(seen)[:2]


WRONG = {
    "told": [lambda n, gap, quiet: n, lambda n, gap, quiet: -(-n * gap // quiet), lambda *_: 1,
             lambda n, gap, quiet: -(-n // max(1, quiet // gap)),
             lambda n, gap, quiet: n // -(-quiet // gap)],
    "may_fetch": [lambda url, allowed: any(host in url for host in allowed),
                  lambda url, allowed: url.startswith(tuple(f"https://{host}" for host in allowed)),
                  lambda url, allowed: re.split("[/:]", url[8:].lower())[0] in allowed,
                  lambda url, allowed: url.startswith("https") and url.endswith(allowed),
                  lambda url, allowed: urlsplit(url).hostname in allowed,
                  lambda url, allowed: urlsplit(url).username is None and urlsplit(url).hostname in allowed,
                  lambda url, allowed: urlsplit(url).scheme == "https" and urlsplit(url).netloc in allowed],
    "diagnose": [lambda seen: agent.judge(seen)[:2], lambda seen: ("pool", "service-b"),
                 most_lines, pools_from(2), pools_from(4), first_pool],
}  # fmt: skip


@pytest.mark.parametrize(
    ("exercise", "number"), [(name, n) for name, all_ in WRONG.items() for n in range(len(all_))]
)
def test_wrong_answers_do_not_pass(exercise, number):
    assert not verdict(exercise, WRONG[exercise][number])


def test_two_lines_about_a_pool_are_not_enough():
    line = {"service": "service-b", "message": "pool exhausted: 50 of 50 in use"}
    assert [agent.diagnose({"search_logs": {"lines": [line] * n}})[0] for n in (2, 3)] == ["unknown", "pool"]


def test_random_cases_hold_both_answers():
    rng = Random(1)
    urls = Counter(agent.may_fetch_witness(*agent.some_url(rng)) for _ in range(300))
    pools = Counter(agent.diagnose_witness(*agent.some_logs(rng))[0] == "pool" for _ in range(300))
    assert min(urls.values()) > 30 and min(pools.values()) > 10


def test_tracing_is_off():
    assert os.environ.get("LANGSMITH_TRACING", "false") == "false"
