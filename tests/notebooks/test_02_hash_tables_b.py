"""Routers, the cache client and the uses of a table, held against naive versions and theory."""

import asyncio
import ipaddress
import math
from collections import ChainMap, Counter
from functools import lru_cache
from itertools import pairwise
from random import Random

import numpy as np
import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer
from chapters import chapter
from hypothesis import given
from hypothesis import strategies as st

from coursekit.cache_node import make_app

tables = chapter("02_hash_tables")

SCHEMES = [tables.Modulo, tables.Ring, tables.Rendezvous, tables.Jump]
NODES = [f"n{i}" for i in range(1, 9)]
KEYS = [f"k{i}" for i in range(2_000)]

every_scheme = pytest.mark.parametrize("scheme", SCHEMES)
minimal = pytest.mark.parametrize("scheme", [tables.Ring, tables.Rendezvous, tables.Jump])


def homes(router):
    return {key: router.node_of(key) for key in KEYS}


def test_a_place_is_the_same_in_every_process_and_on_every_machine():
    assert tables.place("key 1") == 1348906291706183779  # b2sum --length=64, read as a big-endian number


@every_scheme
def test_each_of_eight_nodes_gets_its_part_of_the_keys(scheme):
    load = Counter(homes(scheme(NODES)).values())
    assert sorted(load) == NODES and max(load.values()) < 1.5 * len(KEYS) / len(NODES)


@minimal
def test_keys_move_to_a_new_node_only_and_about_as_many_as_must(scheme):
    before, after = homes(scheme(NODES)), homes(scheme([*NODES, "new"]))
    moved = [key for key in KEYS if before[key] != after[key]]
    assert {after[key] for key in moved} == {"new"}
    assert len(moved) / len(KEYS) == pytest.approx(1 / 9, abs=0.04)


@minimal
def test_only_the_keys_of_a_lost_node_move(scheme):
    router = scheme(NODES)
    before = homes(router)
    router.remove(NODES[-1])
    after = homes(router)
    assert {before[key] for key in KEYS if before[key] != after[key]} == {NODES[-1]}


@every_scheme
def test_who_leaves_and_comes_back_finds_everything_as_it_was(scheme):
    router = scheme(NODES)
    before = homes(router)
    router.remove(NODES[-1])
    router.add(NODES[-1])
    assert homes(router) == before


@pytest.mark.parametrize("scheme", [tables.Ring, tables.Rendezvous])
def test_the_order_of_joining_does_not_matter(scheme):
    assert homes(scheme(NODES)) == homes(scheme(NODES[::-1]))


@every_scheme
def test_a_router_names_the_node_that_is_wrong(scheme):
    router = scheme(["n1"])
    with pytest.raises(ValueError, match="n1 is already there"):
        router.add("n1")
    with pytest.raises((KeyError, ValueError), match="n9"):
        router.remove("n9")
    assert router.node_of("k") == "n1"
    router.remove("n1")
    with pytest.raises(LookupError, match="no node is left to keep 'k'; add one first"):
        router.node_of("k")


def test_jump_hashing_refuses_to_lose_a_node_in_the_middle():
    with pytest.raises(ValueError, match="only the last node, n8, can leave; got n3"):
        tables.Jump(NODES).remove("n3")


@given(st.integers(0, 2**64 - 1), st.integers(1, 3))
def test_a_key_belongs_to_the_mark_that_is_nearest_clockwise(at, points):
    ring = tables.Ring(NODES, points)
    nearest = min(ring.marks, key=lambda mark: (mark[0] - at) % 2**64)[1]
    assert tables.keepers(ring.marks, at, 1) == [nearest]
    assert ring.node_of("k") == tables.keepers(ring.marks, tables.place("k"), 1)[0]


def test_the_shares_of_a_ring_are_those_that_keys_at_random_find():
    ring = tables.Ring(NODES, points=2)
    shares = tables.arc_shares(ring.marks)
    assert sum(shares.values()) == pytest.approx(1)
    load = Counter(homes(ring).values())
    for node in NODES:
        sigma = math.sqrt(shares[node] * (1 - shares[node]) / len(KEYS))
        assert abs(load[node] / len(KEYS) - shares[node]) < 5 * sigma


def test_a_single_mark_keeps_the_whole_circle():
    assert tables.arc_shares(tables.Ring(["n1"], points=1).marks) == {"n1": 1}


def test_the_theory_of_unevenness_agrees_with_random_cuts_of_a_circle():
    rng, nodes, points = np.random.default_rng(1), 5, 3
    cuts = np.sort(rng.random((4_000, nodes * points)), axis=1)
    arcs = np.diff(cuts, axis=1, append=cuts[:, :1] + 1)
    shares = arcs[:, : points * nodes].reshape(-1, nodes, points).sum(axis=2)  # arcs are exchangeable
    spread = math.sqrt((shares.var(axis=1)).mean()) * nodes
    assert tables.unevenness_in_theory(nodes, points) == pytest.approx(spread, rel=0.03)


@pytest.mark.parametrize(
    ("number", "nodes", "node"),
    [(1, 1, 0), (42, 57, 43), (0xDEAD10CC, 1, 0), (0xDEAD10CC, 666, 361), (256, 1024, 520)],
)
def test_jump_hash_agrees_with_the_vectors_of_other_implementations(number, nodes, node):
    assert tables.jump_hash(number, nodes) == node


@given(st.integers(0, 2**64 - 1))
def test_with_one_node_more_a_number_stays_or_jumps_to_the_new_node(number):
    chosen = [tables.jump_hash(number, nodes) for nodes in range(1, 60)]
    assert all(later in (before, node) for node, (before, later) in enumerate(pairwise(chosen), 1))


def test_the_solution_of_exercise_4_finds_different_nodes_and_all_if_there_are_too_few():
    rng = Random(4)
    for _ in range(200):
        marks, at, count = tables.any_ring(rng)
        found = tables.keepers(marks, at, count)
        assert found == tables.nearest(marks, at, count)
        assert len(found) == len(set(found)) == min(count, len({node for _, node in marks}))


def test_a_stub_or_a_keeper_that_repeats_itself_is_not_a_solution():
    untouched = chapter("02_hash_tables", without="solution")
    assert untouched.keepers([(1, "n1")], 0, 1) is None
    naive = lambda marks, at, count: [node for _, node in marks][:count]
    assert not tables.check.same("a guess", naive, tables.nearest, tables.any_ring)


def live_through(lost, requests=40):
    """The client's answers, hits and nodes; each node of `lost` dies when its request comes."""

    async def run():
        servers = {name: TestServer(make_app(100)) for name in ("n1", "n2", "n3")}
        for server in servers.values():
            await server.start_server()
        urls = {name: f"http://127.0.0.1:{server.port}" for name, server in servers.items()}
        async with ClientSession() as session:
            client = tables.Client("test", tables.Ring(list(servers)), urls, session)
            answers = []
            for request in range(requests):
                for name in lost.get(request, ()):
                    await servers[name].close()
                answers.append(await client.get(f"page-{request % 10}"))
        for server in servers.values():
            await server.close()
        return answers, client.hits, client.router.nodes

    return asyncio.run(run())


EXPECTED = [tables.from_database(f"page-{request % 10}") for request in range(40)]


def test_a_page_comes_from_the_database_once_and_then_from_the_cache():
    answers, hits, nodes = live_through({})
    assert answers == EXPECTED and hits == [0] * 10 + [1] * 30 and len(nodes) == 3


def test_a_client_that_loses_a_node_misses_only_its_pages_once_and_answers_all():
    answers, hits, nodes = live_through({20: ["n2"]})
    ring = tables.Ring(["n1", "n2", "n3"])
    gone = [ring.node_of(f"page-{i}") == "n2" for i in range(10)]
    assert 0 < sum(gone) < 10 and nodes == ["n1", "n3"]
    assert answers == EXPECTED and hits[20:30] == [int(not lost) for lost in gone] and all(hits[30:])


def test_a_client_without_any_node_still_answers():
    answers, hits, nodes = live_through({20: ["n1", "n2", "n3"]})
    assert answers == EXPECTED and nodes == [] and hits[20:] == [0] * 20


def test_the_theory_of_the_loss_agrees_with_a_simulation_of_it():
    rng, pages, requests, runs = np.random.default_rng(2), 50, 100, 3_000
    hits = np.zeros(2 * requests)
    for _ in range(runs):
        cached = np.zeros(pages, bool)
        for request, page in enumerate(rng.integers(pages, size=2 * requests)):
            if request == requests:
                cached &= rng.random(pages) >= 0.75
            hits[request] += cached[page]
            cached[page] = True
    theory = tables.hit_rate_around_a_loss(0.75, pages, requests)
    assert np.abs(hits / runs - theory).max() < 0.05


@given(st.lists(st.integers(0, 30)), st.integers(0, 30), st.integers(0, 30))
def test_an_index_answers_equality_and_a_sorted_column_ranges_as_a_scan_does(prices, low, high):
    rows = [{"id": i, "price": price} for i, price in enumerate(prices)]
    index = tables.index_by(rows, "price")
    assert sorted(index.items()) == sorted(
        (p, [i for i, q in enumerate(prices) if q == p]) for p in set(prices)
    )
    column = sorted((price, i) for i, price in enumerate(prices))
    assert sorted(tables.between(column, low, high)) == [i for i, p in enumerate(prices) if low <= p <= high]


lengths = st.integers(0, 32)
addresses = st.integers(0, 15).map(lambda n: ipaddress.IPv4Address((n * 0x11111111) % 2**32))


@given(st.lists(st.tuples(addresses, lengths), unique=True), addresses)
def test_a_routing_table_takes_the_longest_prefix_that_a_scan_finds(routes, address):
    table, nets = tables.RoutingTable(), []
    for start, length in routes:
        nets.append(ipaddress.ip_network((int(start), length), strict=False))
        table[str(nets[-1])] = str(nets[-1])
    fitting = [net for net in nets if address in net]
    if fitting:
        assert table[str(address)] == str(max(fitting, key=lambda net: net.prefixlen))
    else:
        with pytest.raises(KeyError, match=f"no route to {address}"):
            table[str(address)]


@given(st.lists(st.tuples(st.sampled_from(["open", "close", "declare"]), st.sampled_from("xyz"))))
def test_scopes_find_what_a_chain_map_of_their_blocks_finds(steps):
    scopes, witness = tables.Scopes(), ChainMap()
    for number, (step, name) in enumerate(steps):
        if step == "open":
            scopes.blocks.append({})
            witness = witness.new_child()
        elif step == "close" and len(scopes.blocks) > 1:
            scopes.blocks.pop()
            witness = witness.parents
        elif step == "declare" and name not in witness.maps[0]:
            scopes.declare(name, number)
            witness[name] = number
    for name in "xyz":
        if name in witness:
            assert scopes.find(name) == witness[name]
        else:
            with pytest.raises(NameError, match=f"{name} is not declared here"):
                scopes.find(name)


def test_a_name_is_declared_once_in_a_block_and_gone_after_it():
    with pytest.raises(NameError, match="x is declared twice"):
        tables.interpret("let x 1; let x 2")
    with pytest.raises(NameError, match=r"y is not declared here; known are \['x'\]"):
        tables.interpret("let x 1; {; let y 2; }; show y")


@given(st.lists(st.integers(0, 9)), st.integers(1, 6))
def test_our_lru_cache_hits_misses_and_forgets_as_that_of_functools(requests, capacity):
    asked = []
    ours = tables.LRUCache(lambda key: asked.append(key) or -key, capacity)
    also = []
    theirs = lru_cache(capacity)(lambda key: also.append(key) or -key)
    assert [ours(key) for key in requests] == [theirs(key) for key in requests]
    assert asked == also and (ours.hits, ours.misses) == theirs.cache_info()[:2]
    line, link = [], ours.end.newer
    while link is not ours.end:
        line.append(link.key)
        link = link.newer
    assert line == list(dict.fromkeys(requests[::-1]))[:capacity][::-1] and set(line) == set(ours.answers)


def test_the_theory_of_lru_is_exact_where_it_can_be_checked_by_hand():
    equal = np.full(100, 0.01)
    assert tables.hit_rate_in_theory(equal, 40) == pytest.approx(
        0.4
    )  # equally popular: the share that fits in


@given(st.sets(st.integers()), st.integers(8, 300), st.integers(1, 8))
def test_a_bloom_filter_never_denies_what_was_added(keys, bits, hashes):
    seen = tables.BloomFilter(bits, hashes)
    for key in keys:
        seen.add(key)
    assert all(key in seen for key in keys)
    assert int.from_bytes(seen.row, "little") < 1 << bits  # no bit beyond the last


def test_a_bloom_filter_that_holds_nothing_knows_nobody():
    assert not any(key in tables.BloomFilter(64, 3) for key in range(100))


@pytest.mark.parametrize(("bits", "hashes"), [(4, 1), (8, 6), (12, 3)])
def test_false_positives_are_as_many_as_in_theory(bits, hashes):
    expected = tables.false_positives_in_theory(bits, hashes)
    share = tables.false_positives(bits, hashes, keys=2_000, strangers=8_000)
    assert abs(share - expected) < 5 * math.sqrt(expected / 8_000)
