import asyncio
import sys

import aiohttp
import numpy as np
import pytest

from coursekit import servers, traffic


@pytest.fixture
def service():
    command = [sys.executable, "-m", "coursekit.service", "--port", "{port}", "--connections", "50"]
    with servers.start("service", command, path="/metrics") as server:
        yield server


def drive(url, rate=100, seconds=1.5, mean_service=0.05):
    return asyncio.run(traffic.drive(url, rate, seconds, mean_service, np.random.default_rng(7)))


def test_every_request_is_answered_and_timed(service):
    seen = drive(service.url)
    assert len(seen.came) == len(seen.stays) == 150
    assert seen.came == sorted(seen.came)


def test_three_independent_observers_of_a_real_server_agree_with_littles_law(service):
    seen = drive(service.url, mean_service=0.1)
    assert 0.7 < seen.mean_in_system / (seen.arrival_rate * seen.mean_stay) < 1.4
    assert seen.mean_stay >= 0.08  # the server really held the connections


def test_requests_are_sent_whether_or_not_earlier_ones_were_answered(service):
    seen = drive(service.url, rate=40, seconds=0.5, mean_service=1.0)
    assert max(seen.inside) > 10 and seen.came[-1] - seen.came[0] < 1.0


def test_a_service_that_is_not_there_is_an_error_not_a_measurement():
    with pytest.raises(ExceptionGroup) as caught:
        drive(f"http://127.0.0.1:{servers.free_port()}", seconds=0.1)
    assert caught.group_contains(aiohttp.ClientError)
