"""A cache that forgets: at most so many entries, each for so long; and LangChain's cache of answers on it.

    answers = ResponseCache(TTLCache(1000, ttl_s=3600))
    ChatOpenAI(..., cache=answers)        # asked before the model is

Taught in: notebooks/20_langchain.ipynb
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import RLock

from langchain_core.caches import RETURN_VAL_TYPE, BaseCache


class TTLCache:
    """At most `most` entries, each for `ttl_s` seconds; the one not used for longest goes first.

    Safe to use from several threads, as LangChain's `batch` does.
    """

    def __init__(self, most: int, ttl_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.most, self.ttl_s, self.clock = most, ttl_s, clock
        self.entries: OrderedDict = OrderedDict()  # key -> (when it was put, value)
        self.hits = self.misses = 0
        self.lock = RLock()

    def get(self, key: Hashable) -> object:
        """The value, or None if it is not there any more."""
        with self.lock:
            put, value = self.entries.get(key, (None, None))
            if put is None or self.clock() - put >= self.ttl_s:
                self.entries.pop(key, None)
                self.misses += 1
                return None
            self.hits += 1
            self.entries.move_to_end(key)
            return value

    def put(self, key: Hashable, value: object) -> None:
        with self.lock:
            self.entries[key] = (self.clock(), value)
            self.entries.move_to_end(key)
            if len(self.entries) > self.most:
                self.entries.popitem(last=False)


class ResponseCache(BaseCache):
    """The key is the whole prompt and the model with all its settings."""

    def __init__(self, store: TTLCache) -> None:
        self.store = store

    def lookup(self, prompt: str, llm_string: str) -> RETURN_VAL_TYPE | None:
        return self.store.get((prompt, llm_string))

    def update(self, prompt: str, llm_string: str, return_val: RETURN_VAL_TYPE) -> None:
        self.store.put((prompt, llm_string), return_val)

    def clear(self, **_) -> None:
        self.store.entries.clear()
