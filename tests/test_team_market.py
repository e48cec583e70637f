"""Bids and auctions: every rule of an auction, one by one."""

from math import inf, isclose, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coursekit.team_jobs import CREW, JOBS, Agent, Part
from coursekit.team_market import Auction, Bid, make_bid

PART = JOBS["report"].parts[0]
GOOD = Bid("scout", 4, 4, 0.99)


@given(st.floats(0, 40))
def test_the_busier_the_dearer_until_nothing(backlog):
    bid = make_bid(CREW["scout"], PART, backlog)
    if backlog / 30 > 0.8:
        assert bid is None
    else:
        assert isclose(bid.price, 4 * (1 + backlog / 60)) and isclose(bid.minutes, backlog + 4)


@pytest.mark.parametrize(("value", "bids"), [(2.0, False), (2.01, True), (0, False)])
def test_a_bid_needs_more_than_half_of_the_effort_in_value(value, bids):
    assert bool(make_bid(CREW["scout"], PART, 0, value=value)) is bids


def test_who_cannot_does_not_bid_and_no_effort_is_no_error():
    assert make_bid(CREW["judge"], PART, 0) is None
    assert make_bid(CREW["scout"], Part("free", frozenset({"collect"}), 0), 0) is None
    assert make_bid(Agent("idle", {}, 1, 1), Part("any", frozenset(), 2), 0).confidence == 1


@pytest.mark.parametrize(
    ("bid", "at", "why"),
    [
        (GOOD, 5.0, ""),
        (GOOD, 5.01, "too late"),
        (GOOD._replace(agent="ghost"), 1, "not registered"),
        (GOOD._replace(agent="judge"), 1, "cannot do it"),
        *(
            (GOOD._replace(price=p), 1, "price and minutes must be positive numbers")
            for p in (0, -1, nan, inf)
        ),
        (GOOD._replace(minutes=0), 1, "price and minutes must be positive numbers"),
    ],
)
def test_a_bid_counts_or_is_told_why_not(bid, at, why):
    sale = Auction(PART, 5.0, CREW)
    assert sale.receive(bid, at) == why and bool(sale.bids) == (why == "")


def test_a_second_bid_replaces_the_first_and_none_counts_after_the_close():
    sale = Auction(PART, 5.0, CREW)
    for price in (4, 3):
        sale.receive(GOOD._replace(price=price), 1)
    assert [bid.price for bid in sale.bids.values()] == [3]
    assert sale.close(lambda bids, part, crew: {b.agent: -b.price for b in bids}) == "scout"
    assert sale.receive(GOOD, 2) == "too late" and sale.bids["scout"].price == 3


def test_only_who_has_every_skill_is_invited():
    both = Part("both", frozenset({"collect", "analyse"}), 1)
    assert Auction(both, 5, CREW).invited() == ["miner", "generalist"]
    assert Auction(Part("any", frozenset(), 1), 5, CREW).invited() == list(CREW)


def test_an_auction_without_bids_has_no_winner():
    assert Auction(PART, 5, CREW).close(lambda bids, part, crew: {}) is None


def test_a_workload_of_exactly_eight_tenths_still_bids():
    assert make_bid(CREW["scout"], PART, 24) is not None and make_bid(CREW["scout"], PART, 24.01) is None
