"""A store that forgets, against a naive list of what was put when."""

from threading import Thread

from hypothesis import given
from hypothesis import strategies as st

from coursekit.resilience import HandClock
from coursekit.ttl_cache import ResponseCache, TTLCache

steps = st.lists(st.tuples(st.sampled_from(["get", "put", "wait"]), st.integers(0, 4)), max_size=60)


@given(steps, st.integers(1, 4))
def test_it_behaves_like_a_list_of_puts_in_order_of_use(steps, most):
    clock, used = HandClock(), []  # (key, when), the one not used for longest first
    store = TTLCache(most, ttl_s=3, clock=clock)
    for what, n in steps:
        fresh = {key: at for key, at in used if clock.now - at < 3}
        if what == "wait":
            clock.now += n / 2
        elif what == "put":
            store.put(n, f"value {n}")
            used = [*(pair for pair in used if pair[0] != n), (n, clock.now)][-most:]
        else:
            assert store.get(n) == (f"value {n}" if n in fresh else None)
            used = [pair for pair in used if pair[0] != n] + ([(n, fresh[n])] if n in fresh else [])
        assert list(store.entries) == [key for key, _ in used] and len(store.entries) <= most


def test_hits_and_misses_are_counted():
    store = TTLCache(2, ttl_s=1, clock=lambda: 0.0)
    store.get("a"), store.put("a", 1), store.get("a")
    assert (store.hits, store.misses) == (1, 1)


def test_an_answer_is_found_again_only_for_the_same_prompt_and_the_same_settings():
    cache = ResponseCache(TTLCache(9, ttl_s=1, clock=lambda: 0.0))
    cache.update("prompt", "warm", ["answer"])
    assert cache.lookup("prompt", "warm") == ["answer"]
    assert cache.lookup("prompt", "cold") is cache.lookup("another", "warm") is None
    cache.clear()
    assert cache.lookup("prompt", "warm") is None


def test_nobody_takes_an_entry_away_while_it_is_read():
    """Another thread wants to put at the very moment at which `get` looks at the clock."""
    other = Thread(target=lambda: store.put("b", 2))

    def clock():
        if "a" in store.entries and other.ident is None:
            other.start()
            other.join(0.2)  # with a lock it has to wait
        return 0.0

    store = TTLCache(1, ttl_s=9, clock=clock)
    store.put("a", 1)
    assert store.get("a") == 1
    other.join()
    assert list(store.entries) == ["b"]
