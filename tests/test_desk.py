"""The desk, spoken to by the real clients of Jira and Slack."""

import hashlib
import hmac
import time

import pytest
from jira import JIRA, JIRAError
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from coursekit import web
from coursekit.desk import Desk, Office, answers_app, buttons


@pytest.fixture
def desk():
    desk = Desk()
    with web.serve(desk.app, "desk under test") as service:
        desk.url = service.url
        yield desk


@pytest.fixture(autouse=True)
def no_office_of_ones_own(monkeypatch):
    for name in ("JIRA_URL", "JIRA_TOKEN", "JIRA_PROJECT", "SLACK_BOT_TOKEN"):
        monkeypatch.delenv(name, raising=False)


def test_a_ticket_is_filed_read_and_commented_by_the_real_client(desk):
    office = Office(desk.url, desk.token)
    assert [office.ticket("hot", "all hosts", "sre"), office.ticket("full", "disk", "data")] == [
        "INC-456",
        "INC-457",
    ]
    office.comment("INC-456", "cured")
    issue = office.jira.issue("INC-456")
    assert (issue.fields.summary, issue.fields.labels) == ("hot", ["sre"])
    assert desk.tickets["INC-456"]["fields"]["comment"] == ["cured"]


def test_messages_arrive_in_their_channel_with_their_buttons(desk):
    office = Office(desk.url, desk.token)
    office.post("#sre", "one", blocks=buttons("q7"))
    office.post("#web", "two")
    assert desk.said("#sre") == ["one"] and desk.said("#web") == ["two"]
    assert desk.messages[0]["blocks"][0]["elements"][1]["value"] == "q7"


def test_without_the_token_nothing_is_filed_and_nothing_said(desk):
    with pytest.raises(SlackApiError, match="invalid_auth"):
        WebClient(token="no", base_url=f"{desk.url}/api/").chat_postMessage(channel="#sre", text="hi")
    stranger = JIRA(server=desk.url, token_auth="no", get_server_info=False, max_retries=0)
    with pytest.raises(JIRAError) as refused:
        stranger.issue("INC-456")
    assert refused.value.status_code == 401 and desk.tickets == {} and desk.messages == []


def test_what_the_desk_does_not_have_is_said_as_jira_says_it(desk):
    jira = Office(desk.url, desk.token).jira
    for ask in (
        lambda: jira.issue("INC-1"),
        lambda: jira.project("OPS"),
        lambda: jira.add_comment("INC-1", "x"),
    ):
        with pytest.raises(JIRAError) as refused:
            ask()
        assert refused.value.status_code == 404
    with pytest.raises(JIRAError) as refused:
        jira.create_issue(project="INC", issuetype={"name": "Task"})
    assert refused.value.status_code == 400 and "summary" in refused.value.text
    with pytest.raises(SlackApiError, match="channel_not_found"):
        Office(desk.url, desk.token).post("", "to nobody")


def test_the_seal_is_the_hmac_of_version_time_and_body():
    desk = Desk()
    body, heads = desk.signed("approve", "q1", "U1", at=1000)
    message = b"v0:1000:" + body
    seal = "v0=" + hmac.new(desk.secret.encode(), message, hashlib.sha256).hexdigest()
    assert heads["X-Slack-Signature"] == seal and heads["X-Slack-Request-Timestamp"] == "1000"


def test_an_answer_counts_once_if_it_is_signed_fresh_and_from_somebody_on_call():
    desk, other = Desk(), Desk()
    app = answers_app(desk.secret, {"U1"})
    with web.serve(app, "answers under test") as service:
        url = service.url + "/slack/actions"
        assert other.press(url, "approve", "q1", "U1") == 401
        assert desk.send(url, *desk.signed("approve", "q1", "U1", at=time.time() - 301)) == 401
        assert desk.press(url, "approve", "q1", "U2") == 403
        body, heads = desk.signed("reject", "q1", "U1")
        assert desk.send(url, body.replace(b"reject", b"approv"), heads) == 401
        assert app.state.decisions == {}
        assert [desk.send(url, body, heads) for _ in range(2)] == [200, 409]
        assert app.state.decisions == {"q1": "reject"}


def test_with_an_empty_environment_nothing_goes_to_the_readers_own(desk, monkeypatch):
    for name in ("JIRA_URL", "JIRA_TOKEN", "JIRA_PROJECT", "SLACK_BOT_TOKEN"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    office = Office(desk.url, desk.token, {})
    assert office.ticket("disk", "", "sre") == "INC-456"
    office.post("#sre", "look")
