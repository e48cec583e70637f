"""Metrics, alerts, traces, tokens, limits, privacy: held against Prometheus, naive versions and attempts."""

import asyncio
import json
import math
import re
import secrets
import shutil
import subprocess
import time
from collections import deque
from itertools import pairwise
from pathlib import Path

import jwt
import pytest
import yaml
from chapters import chapter
from hypothesis import given, settings
from hypothesis import strategies as st

from coursekit import access, alarms, health, limits, metrics, personal, promql, samples, telemetry, valkey
from coursekit.apps import Problem
from coursekit.errors import CourseError

DEPLOY = Path(__file__).parents[2] / "deploy"
PROMTOOL = shutil.which("promtool")
NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "07_llm_production.ipynb"
here = pytest.mark.skipif(not NOTEBOOK.exists(), reason="the notebook is not stored yet")


@pytest.fixture(scope="module")
def production():
    return chapter("07_llm_production")


@pytest.fixture
def space():
    return f"test-{secrets.token_hex(4)}"


# Scraped samples and PromQL

steps = st.lists(st.integers(0, 9), min_size=2, max_size=40)


@given(steps)
def test_a_counter_that_never_restarts_grows_by_its_last_value_less_its_first_stretched_to_the_window(grown):
    points = [(15 * i, float(sum(grown[: i + 1]))) for i in range(len(grown))]
    end = points[-1][0]
    measured = samples.increase(points, -0.001, end)
    assert measured == pytest.approx(points[-1][1] - points[0][1], rel=1e-3, abs=1e-9)


@given(steps, steps)
def test_a_restart_loses_nothing_that_was_counted_after_it(before, after):
    rise = lambda steps: [float(sum(steps[: i + 1])) for i in range(len(steps))]
    points = [(15 * i, value) for i, value in enumerate(rise(before) + rise(after))]
    whole = samples.increase(points, -0.001, points[-1][0])
    fell = after[0] < rise(before)[-1]
    counted = rise(before)[-1] - before[0] + (rise(after)[-1] if fell else rise(after)[-1] - rise(before)[-1])
    assert whole == pytest.approx(counted, rel=1e-3, abs=1e-9)


@given(st.lists(st.floats(0.001, 59), min_size=1, max_size=200), st.floats(0.01, 0.99))
def test_a_quantile_lies_in_the_bucket_of_the_true_one(values, q):
    edges = [*metrics.BOUNDS, math.inf]
    estimate = samples.quantile(q, [(edge, sum(value <= edge for value in values)) for edge in edges])
    true = sorted(values)[math.ceil(q * len(values)) - 1]
    upper = min(edge for edge in edges if true <= edge)
    lower = max((edge for edge in metrics.BOUNDS if edge < true), default=0)
    assert lower <= estimate <= upper


def page(**counts):
    return "".join(f'c_total{{kind="{kind}"}} {value}\n' for kind, value in counts.items())


def scraped(*pages, every=15):
    kept = samples.Samples()
    for number, text in enumerate(pages):
        kept.scrape(text, every * number, job="j")
    return kept


def test_vectors_meet_only_where_all_labels_agree():
    kept = scraped(page(a=1, b=2) + 'd_total{kind="a"} 4\n')
    assert promql.query("c_total / d_total", kept, 0) == {(("job", "j"), ("kind", "a")): 0.25}
    assert promql.query('c_total{kind="b"} / d_total', kept, 0) == {}


def test_a_series_that_is_missing_from_a_page_has_ended_at_once():
    kept = scraped(page(a=1, b=1), page(a=2))
    assert len(promql.query("c_total", kept, 14)) == 2 and len(promql.query("c_total", kept, 15)) == 1


def test_a_silent_target_is_down_and_an_unknown_one_absent():
    kept = scraped(page(a=1), None)
    assert len(promql.query("up == 0", kept, 15)) == 1 and promql.query('absent(up{job="j"})', kept, 15) == {}
    kept.forget(30, job="j")
    assert promql.query("up == 0", kept, 30) == {} and promql.query('absent(up{job="j"})', kept, 30)


@pytest.mark.parametrize(
    ("asked", "means"),
    [
        ("1 + 2 * 3", 7), ("(1 + 2) * 3", 9), ("8 / 4 / 2", 1), ("2 - 1 - 1", 0), ("1 + 1 > 1", 1),
        ("sum(c_total) > 2 and sum(c_total) < 2", {}), ("sum(c_total) unless sum(c_total)", {}),
        ('sum(c_total{kind=~"a|b"})', {(): 3.0}), ('sum(c_total{kind!~"a"})', {(): 2.0}),
        ("count(c_total) or sum(c_total)", {(): 2.0}), ("max(c_total)", {(): 2.0}),
    ],
)  # fmt: skip
def test_operators_bind_as_in_prometheus(asked, means):
    assert promql.query(asked, scraped(page(a=1, b=2)), 0) == means


@pytest.mark.parametrize(
    "broken", ["sum(", "rate(c_total)", "c_total[5m]", "a b", "sum by (x c", "1 +", "{}", "§"]
)
def test_what_cannot_be_read_is_said_and_never_answered(broken):
    with pytest.raises((CourseError, StopIteration)):
        promql.query(broken, scraped(page(a=1)), 0)


@pytest.mark.skipif(PROMTOOL is None, reason="no promtool on PATH")
@settings(max_examples=5, deadline=None)
@given(st.lists(st.integers(0, 20), min_size=30, max_size=30), st.sampled_from(["rate", "increase"]))
def test_our_promql_agrees_with_prometheus(tmp_path_factory, grown, function):
    folder, kept, total = tmp_path_factory.mktemp("promtool"), samples.Samples(), 0
    for number, step in enumerate(grown):
        kept.scrape(f"c_total {(total := total + step)}\n", 15 * number)
    values = " ".join(str(sum(grown[: i + 1])) for i in range(30))
    asked = f"{function}(c_total[5m])"
    ours = promql.query(asked, kept, 421)[()]  # between samples: 2 and 3 differ on the left edge
    case = {"eval_time": "7m1s", "expr": f"abs({asked} - {ours!r}) < bool {max(ours, 1) * 0.05}",
            "exp_samples": [{"labels": "{}", "value": 1}]}  # fmt: skip
    test = {"interval": "15s", "input_series": [{"series": "c_total", "values": values}],
            "promql_expr_test": [case]}  # fmt: skip
    (folder / "t.yml").write_text(yaml.safe_dump({"tests": [test]}))
    done = subprocess.run([PROMTOOL, "test", "rules", "t.yml"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# The files of deploy/


def rules():
    text = (DEPLOY / "prometheus" / "rules.yml").read_text(encoding="utf-8")
    return [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]


@pytest.mark.skipif(PROMTOOL is None, reason="no promtool on PATH")
@pytest.mark.parametrize("what", [["check", "config", "prometheus.yml"], ["test", "rules", "rules_test.yml"]])
def test_promtool_accepts_the_files_and_the_rules_pass_their_tests(what):
    folder = DEPLOY / "prometheus"
    done = subprocess.run([PROMTOOL, *what], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def expand(notation):
    """promtool's `start+stepxcount`, as the values it means; None for stale."""
    values = []
    for part in notation.split():
        if part == "stale":
            values.append(None)
        elif found := re.fullmatch(r"([\d.]+)\+([\d.]+)x(\d+)", part):
            start, step, count = float(found[1]), float(found[2]), int(found[3])
            values += [start + step * i for i in range(count + 1)]
        else:
            value, _, count = part.partition("x")
            values += [float(value)] * (int(count) + 1)
    return values


CASES = yaml.safe_load((DEPLOY / "prometheus" / "rules_test.yml").read_text(encoding="utf-8"))["tests"]


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_our_alarms_fire_where_promtools_test_file_says_they_do(case):
    every, kept = promql.seconds(case["interval"]), samples.Samples()
    for each in case["input_series"]:
        name, _, inside = each["series"].rstrip("}").partition("{")
        labels = dict(re.findall(r'(\w+)="([^"]*)"', inside))
        points = enumerate(expand(each["values"]))
        kept.series[samples.key(name, **labels)] = [
            (every * i, math.nan if value is None else value) for i, value in points
        ]
    watching, at = {rule["alert"]: alarms.Alarm(rule) for rule in rules()}, 0
    for expected in case["alert_rule_test"]:
        moment, alarm = promql.seconds(expected["eval_time"]), watching[expected["alertname"]]
        while at <= moment:
            for each in watching.values():
                list(each.look(kept, at))
            at += 15
        values = promql.query(alarm.rule["expr"], kept, moment)
        values = {
            tuple(pair for pair in who if pair[0] != "__name__"): value for who, value in values.items()
        }
        said = [alarm.notice("firing", who, values[who], moment)["summary"] for who in alarm.firing]
        assert said == [alert["exp_annotations"]["summary"] for alert in expected.get("exp_alerts", [])]


def test_every_query_of_the_dashboard_and_the_rules_asks_for_a_metric_that_the_meter_exports():
    meter = metrics.Meter()
    with meter.watch("chat") as seen:
        seen.model, seen.input_tokens, seen.cause = "m", 1, "x"
    kept = samples.Samples()
    kept.scrape(meter.page(), 0, job="llm-service")
    panels = json.loads((DEPLOY / "grafana" / "dashboard.json").read_text(encoding="utf-8"))["panels"]
    queries = [target["expr"] for panel in panels for target in panel["targets"]]
    queries += [rule["expr"] for rule in rules()]
    assert len(queries) >= 12 and all(promql.metric_names(query) <= kept.names() for query in queries)


def test_panels_have_a_place_a_source_a_living_type_and_do_not_overlap():
    panels = json.loads((DEPLOY / "grafana" / "dashboard.json").read_text(encoding="utf-8"))["panels"]
    taken = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                 for y in range(place["y"], place["y"] + place["h"])}  # fmt: skip
        assert panel["type"] in ("timeseries", "stat") and panel["datasource"]["type"] == "prometheus"
        assert not cells & taken and max(x for x, _ in cells) < 24
        taken |= cells
        assert all("{{" not in t["legendFormat"] or "\\" not in t["legendFormat"] for t in panel["targets"])


# Metrics


def value(meter, name, **labels):
    return meter.registry.get_sample_value(name, labels)


@given(st.one_of(st.none(), st.integers(), st.text(), st.dictionaries(st.text(), st.integers()),
                 st.fixed_dictionaries({"usage": st.one_of(st.none(), st.text(), st.integers())}),
                 st.fixed_dictionaries({"model": st.text(), "input_tokens": st.floats()})))  # fmt: skip
def test_monitoring_never_changes_a_result_whatever_it_is(result):
    meter = metrics.Meter()

    async def call():
        return result

    assert asyncio.run(metrics.metered(meter, "chat")(call)()) is result
    ended = [s.value for f in meter.registry.collect() for s in f.samples if s.name == "llm_requests_total"]
    assert ended == [1.0]


@pytest.mark.parametrize(("error", "status"), [(ValueError, "error"), (asyncio.CancelledError, "cancelled")])
def test_every_request_has_one_end_and_nobody_stays_inside(error, status):
    meter = metrics.Meter()
    with pytest.raises(error), meter.watch("chat"):
        assert value(meter, "llm_active_requests", endpoint="chat") == 1
        raise error
    assert value(meter, "llm_requests_total", model="none", endpoint="chat", status=status) == 1
    assert value(meter, "llm_active_requests", endpoint="chat") == 0


def test_a_model_without_a_price_costs_as_much_as_the_dearest():
    seen = metrics.Seen(model="unheard of", input_tokens=1_000_000)
    assert seen.dollars == max(price for price, _ in metrics.PRICES.values())


def asgi(app, path="/chat/completions", gone_after=None):
    """Ask an ASGI application once; the messages it sent."""
    sent = []

    async def send(message):
        sent.append(message)

    async def receive():
        return {"type": "http.request"}

    asyncio.run(app({"type": "http", "path": path, "headers": [], "scheme": "http"}, receive, send))
    return sent


def replies(*bodies, status=200, whole=True):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": status, "headers": []})
        for number, body in enumerate(bodies, 1):
            more = number < len(bodies) or not whole
            await send({"type": "http.response.body", "body": body, "more_body": more})

    return app


def test_the_last_event_of_a_stream_tells_the_tokens_and_a_broken_one_is_not_a_success():
    meter = metrics.Meter()
    done = b'event: done\ndata: {"model_used": "m", "input_tokens": 7, "output_tokens": 2}\n\n'
    asgi(metrics.Metered(replies(b'data: {"delta": "data: x"}\n\n', done, b""), meter, "openai"))
    assert value(meter, "llm_tokens_total", model="m", type="input") == 7
    asgi(metrics.Metered(replies(b"data: 1\n\n", whole=False), meter, "openai"))
    assert value(meter, "llm_requests_total", model="none", endpoint="chat", status="cancelled") == 1


def test_only_known_paths_become_labels():
    meter = metrics.Meter()
    for path in ("/admin", "/chat/completions/../x", "/metrics"):
        asgi(metrics.Metered(replies(b"{}"), meter, ""), path)
    assert "endpoint=" not in meter.page()


# Logs, traces, health


def test_no_line_of_the_log_holds_what_a_user_wrote():
    import logging

    record = logging.makeLogRecord({"msg": "request", "levelno": 20, "levelname": "INFO", "prompt": "Anna",
                                    "authorization": "Bearer x", "status_code": 200})  # fmt: skip
    line = telemetry.JSON_LINES.format(record)
    assert "Anna" not in line and "Bearer" not in line and json.loads(line)["status_code"] == 200


def test_a_span_continues_the_callers_trace():
    telemetry.SPANS.clear()
    seen = {}

    async def app(scope, receive, send):
        telemetry.trace.get_current_span().set_attribute("in", "side")
        await replies(b"")(scope, receive, send)

    scope = {"type": "http", "path": "/rag/query",
             "headers": [(b"traceparent", b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01")]}  # fmt: skip

    async def send(message):
        seen[message["type"]] = message

    asyncio.run(telemetry.Traced(app, "rag")(scope, None, send))
    (span,) = telemetry.SPANS.get_finished_spans()
    assert f"{span.context.trace_id:032x}" == "a" * 32 and f"{span.parent.span_id:016x}" == "b" * 16
    assert span.attributes["in"] == "side"


def test_health_remembers_and_asks_again_when_the_time_is_over():
    asked, clock = [], deque([0, 10, 301, 301])

    async def check():
        asked.append(1)
        return {}

    async def three_looks():
        checker = health.HealthChecker({"paid": check}, keep_s=300, clock=lambda: clock.popleft())
        return [await checker.look() for _ in range(3)]

    asyncio.run(three_looks())
    assert len(asked) == 2


# Tokens and keys


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_token_with_one_character_changed_is_refused(data):
    tokens = access.Tokens()
    token = tokens.issue("ada", ["llm:chat"])
    place = data.draw(st.integers(0, len(token) - 2))  # of the last character some bits mean nothing
    other = data.draw(st.sampled_from("ABCxyz019-_."))
    changed = token[:place] + other + token[place + 1 :]
    if changed != token:
        with pytest.raises(Problem) as refused:
            tokens.check(changed)
        assert refused.value.status == 401


@given(st.text())
def test_no_text_makes_the_check_of_a_token_raise_anything_but_401(text):
    with pytest.raises(Problem) as refused:
        access.Tokens().check(text)
    assert refused.value.status == 401


def test_replicas_that_share_keys_accept_each_others_tokens_and_short_keys_are_refused():
    keys = {"k1": secrets.token_bytes(32), "k2": secrets.token_bytes(32)}
    one, two = access.Tokens(keys), access.Tokens(keys)
    token = one.issue("ada", ["llm:chat"])
    assert two.check(token)["sub"] == "ada" and jwt.get_unverified_header(token)["kid"] == "k2"
    with pytest.raises(ValueError, match="32 bytes"):
        access.Tokens({"k1": b"your-secret-key"})


def test_a_key_is_created_and_checked_with_either_kind_of_client_and_never_stored(space):
    async def round_trip():
        async with valkey.async_client() as text, valkey.async_client(decode_responses=False) as raw:
            key = await access.ApiKeys(text, space).create("job", [])
            found = [await access.ApiKeys(client, space).check(key) for client in (text, raw)]
            stored = [await text.hgetall(name) async for name in text.scan_iter(f"{space}:*")]
            for bad in (key + "x", key.replace("ak_", "xx_", 1)[:-1], "", "ak__", "ak_*_", "ak_" + "a" * 999):
                with pytest.raises(Problem):
                    await access.ApiKeys(text, space).check(bad)
            with pytest.raises(ValueError, match="llm:chat"):
                await access.ApiKeys(text, space).create("job", ["read,admin"])
            return key, found, stored

    key, found, stored = asyncio.run(round_trip())
    assert found == [{"sub": "job", "scope": ""}] * 2 and key.rpartition("_")[2] not in str(stored)


# Limits


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=60), st.integers(1, 5), st.integers(1, 20))
def test_the_sliding_window_admits_as_a_naive_list_would(gaps, limit, window):
    moments, witness = [1000 + sum(gaps[: i + 1]) for i in range(len(gaps))], []

    async def ask():
        async with valkey.async_client() as client:
            shared = limits.Limits(client, f"test-{secrets.token_hex(6)}")
            return [await shared.window("u", limit, window, now) for now in moments]

    for now, decision in zip(moments, asyncio.run(ask()), strict=True):
        recent = [moment for moment in witness if moment > now - window]
        assert decision.admitted == (len(recent) < limit)
        witness += [now] * decision.admitted
        recent += [now] * decision.admitted
        assert decision.left == limit - len(recent) and decision.wait_s == recent[0] + window - now


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 3)), min_size=1, max_size=60))
def test_a_bucket_never_admits_more_than_its_burst_and_what_has_run_in(asked):
    rate, burst = 0.25, 4

    async def ask():
        async with valkey.async_client() as client:
            shared, now, spent = limits.Limits(client, f"test-{secrets.token_hex(6)}"), 1000, []
            for gap, cost in asked:
                now += gap
                decision = await shared.bucket("u", rate, burst, cost, now)
                if decision.admitted:
                    spent.append((now, cost))
            if not decision.admitted:  # then, as it says, and not before
                early, then = decision.wait_s - 0.1, decision.wait_s + 0.1
                assert not (await shared.bucket("u", rate, burst, cost, now + early)).admitted
                assert (await shared.bucket("u", rate, burst, cost, now + then)).admitted
            return spent

    spent = asyncio.run(ask())
    for i, (begin, _) in enumerate(spent):
        for j in range(i, len(spent)):
            assert sum(cost for _, cost in spent[i : j + 1]) <= burst + rate * (spent[j][0] - begin) + 1e-4


def test_a_clock_that_steps_back_fills_no_bucket_twice(space):
    async def ask():
        async with valkey.async_client() as client:
            shared = limits.Limits(client, space)
            moments = [1000, 1000, 1000, 1000, 1008, 1000, 1008]
            return [(await shared.bucket("u", 0.25, 4, 1, now)).admitted for now in moments]

    assert asyncio.run(ask()) == [True] * 6 + [False]  # four at once, and the two that run in within 8 s


def test_a_burst_over_many_connections_is_admitted_exactly_to_the_limit(space):
    async def burst():
        async with valkey.async_client() as client:
            shared = limits.Limits(client, space)
            return await asyncio.gather(*(shared.window("u", 17, 60) for _ in range(100)))

    assert sum(decision.admitted for decision in asyncio.run(burst())) == 17


def test_the_lease_of_a_holder_who_died_ends_by_itself(space):
    async def die_and_wait():
        async with valkey.async_client() as client:
            shared = limits.Limits(client, space)
            assert (await shared.ask("slot", "u", 1, 0.2, "the dead")).admitted
            with pytest.raises(Problem):
                async with shared.slot("u", 1):
                    pass
            await asyncio.sleep(0.3)
            async with shared.slot("u", 1):
                return True

    assert asyncio.run(die_and_wait())


def test_a_dead_redis_lets_nobody_in():
    from redis.asyncio import Redis
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    from coursekit import servers

    tokens = access.Tokens()
    dead = lambda: Redis(port=servers.free_port(), retry=Retry(NoBackoff(), 0))
    guard = access.make_guard(tokens, dead, "x")

    class Request:
        headers = {"authorization": f"Bearer {tokens.issue('ada', ['llm:chat'])}"}  # noqa: RUF012

    with pytest.raises(Problem) as refused:
        asyncio.run(guard(Request()))
    assert refused.value.status == 503 and refused.value.headers["Retry-After"]


def test_answers_over_https_alone_carry_the_header_that_demands_https():
    plain = asgi(access.SafeHeaders(replies(b"")))[0]["headers"]
    assert b"strict-transport-security" not in dict(plain)
    assert dict(plain)[b"x-content-type-options"] == b"nosniff"


# Privacy


@given(st.text(alphabet="0123456789", min_size=12, max_size=18), st.data())
def test_luhn_notices_every_single_wrong_digit(body, data):
    number = next(body + last for last in "0123456789" if personal.luhn(body + last))
    place = data.draw(st.integers(0, len(number) - 1))
    wrong = data.draw(st.sampled_from([d for d in "0123456789" if d != number[place]]))
    assert not personal.luhn(number[:place] + wrong + number[place + 1 :])


@given(st.text())
def test_finds_are_disjoint_in_order_and_gone_after_redaction(text):
    found = personal.find_personal(text + " ada@example.com 192.0.2.1 " + text[::-1])
    assert all(a[1] <= b[0] for a, b in pairwise(found)) and len(found) >= 1
    assert "ada@example.com" not in personal.redact(text + " ada@example.com ")


leaves = st.none() | st.booleans() | st.integers() | st.text()


@given(st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8))
def test_a_redacted_copy_has_the_same_shape_and_the_original_is_untouched(value):
    before = json.dumps(value)
    copy = personal.redacted(value)
    assert json.dumps(value) == before and type(copy) is type(value)
    if isinstance(value, dict | list):
        assert len(copy) == len(value) and (copy is not value)


@pytest.mark.parametrize(
    "hostile", ["sk-" * 50_000, "1" * 200_000, "a:" * 50_000, "a@" * 50_000, "1 " * 50_000]
)
def test_no_text_of_a_hundred_thousand_characters_takes_longer_than_two_seconds(hostile):
    start = time.process_time()
    personal.find_personal(hostile)
    assert time.process_time() - start < 2


# What stands in the notebook itself


@here
def test_the_log_finds_any_single_change(production):
    log = production.AuditLog(b"k" * 32, clock=lambda: 0)
    for number in range(4):
        log.add(n=number)
    assert log.first_wrong(log.head) is None
    for place in range(4):
        kept = [json.loads(json.dumps(entry)) for entry in log.entries]
        log.entries[place]["what"]["n"] = 99
        assert log.first_wrong(log.head) == place
        log.entries = kept
    forger = production.AuditLog(b"x" * 32, clock=lambda: 0)
    forger.add(n=0)
    log.entries[0] = forger.entries[0]
    assert log.first_wrong(log.head) == 0  # without the key no seal can be made


@here
def test_shredding_a_key_makes_one_persons_backup_nobodys_and_leaves_the_others(production):
    backups = production.InBackups()
    for user in ("a", "b"):
        backups.put(user, "1", f"secret of {user}")
    backups.erase("a")
    assert backups.read("a") == [] and backups.read("b") == ["secret of b"]
    assert b"secret" not in b"".join(row[3] for row in backups.tape)
    assert len({row[0] for row in backups.tape}) == 2 and not {"a", "b"} & {row[0] for row in backups.tape}


@here
def test_marks_are_read_where_they_stand(production):
    text, spans = production.truth("a {x:b c} d {y:e}")
    assert text == "a b c d e" and [(text[a:b], kind) for a, b, kind in spans] == [("b c", "x"), ("e", "y")]
    perfect = dict(production.LINES)
    assert production.score(lambda text: perfect[text])["recall"] == 1


@here
def test_the_quieter_rule_is_not_passed_by_the_old_one(production):
    ratio = rules()[0]["expr"]
    assert production.fires(ratio, 1, 0) and not production.should_fire(1, 0)
    assert production.fires(ratio, 20, 20) and production.should_fire(20, 20)


@here
def test_the_filter_blocks_users_words_only_and_leaves_the_request_alone(production):
    by_meaning = production.ContentFilter(production.NOT_THIS, production.BUT_THIS)
    bad = production.HARMFUL[4]
    request = [{"role": "system", "content": bad}, {"role": "user", "content": [{"text": bad}]},
               {"role": "user", "content": None}, {"role": "user", "content": ""}]  # fmt: skip
    clean, changed = by_meaning.filtered(request)
    assert changed == 1 and clean[0] == request[0] and request[1]["content"] == [{"text": bad}]
    examples = {*production.NOT_THIS, *production.BUT_THIS}
    assert not examples & {*production.HARMLESS, *production.HARMFUL}
