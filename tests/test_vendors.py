"""Whose model answers for Anthropic and Google, and that no key leaks while it is decided."""

import pytest

from coursekit import vendors
from coursekit.errors import CourseError
from coursekit.rehearsal_server import stage

VARIABLES = ("COURSE_MODEL", "ANTHROPIC_API_KEY", "ANTHROPIC_MODEL", "GEMINI_API_KEY", "GEMINI_MODEL")


@pytest.fixture
def choose(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch.setenv


@pytest.mark.parametrize("vendor", vendors.KEYS)
def test_without_a_key_the_rehearsal_answers_on_loopback(choose, vendor):
    client, name = getattr(vendors, vendor)("town")
    url = str(client.base_url) if vendor == "anthropic" else client._api_client._http_options.base_url
    assert name == "town" and url.startswith("http://127.0.0.1:")
    assert "rehearsal" in vendors.who_answers(vendor)


@pytest.mark.parametrize("vendor", vendors.KEYS)
def test_a_key_of_ones_own_makes_it_live_and_is_not_shown(choose, vendor):
    choose(vendors.KEYS[vendor], " a-secret-key ")
    _, name = getattr(vendors, vendor)("town")
    assert name == vendors.MODELS[vendor][1] != "town"
    assert vendors.live_key(vendor) == "a-secret-key"
    assert "live" in vendors.who_answers(vendor) and "secret" not in vendors.who_answers(vendor)
    choose(vendors.MODELS[vendor][0], "another")
    assert getattr(vendors, vendor)("town")[1] == "another"


@pytest.mark.parametrize("vendor", vendors.KEYS)
@pytest.mark.parametrize("mode", ["rehearsal", "local"])
def test_offline_modes_leave_a_key_unused(choose, vendor, mode):
    choose(vendors.KEYS[vendor], "a-secret-key")
    choose("COURSE_MODEL", mode)
    assert not vendors.live_key(vendor) and getattr(vendors, vendor)("town")[1] == "town"


@pytest.mark.parametrize("key", ["kéy", "two\nlines"])
def test_a_key_that_no_vendor_gives_out_is_refused_without_showing_it(choose, key):
    choose("ANTHROPIC_API_KEY", key)
    with pytest.raises(CourseError, match="copy it again") as caught:
        vendors.anthropic("town")
    assert key not in str(caught.value)


def test_the_client_for_faults_is_rehearsed_whatever_the_surroundings_say(choose):
    choose("OPENAI_API_KEY", "a-secret-key")
    choose("COURSE_MODEL", "live")
    client = vendors.rehearsed(max_retries=0)
    assert str(client.base_url).startswith(stage().base_url) and client.api_key == stage().key
    assert client.max_retries == 0
    assert str(vendors.rehearsed("http://127.0.0.1:9").base_url) == "http://127.0.0.1:9/v1/"
