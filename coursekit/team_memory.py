"""Memory of a team in a real Redis: versions, compare-and-set, expiry, a lock whose token the storage checks.

    memory = SharedMemory(valkey.client(), "team-1")
    version = memory.write("plan", {"steps": 3}, agent="judge", ttl_s=60)
    memory.write("plan", {"steps": 4}, agent="judge", if_version=version)      # raises Conflict if it moved

Every change is one Lua script, one command or one watched transaction, so that Redis does it whole and nobody
writes in between.
Sources: Redis documentation, "Scripting with Lua", "Distributed locks"; fencing: Kleppmann 2016, "How to do
distributed locking".   Taught in: notebooks/19_agent_teams.ipynb
"""

import json
import secrets
from collections.abc import Callable, Iterable
from typing import NamedTuple

import redis

from coursekit.errors import CourseError

WRITE = """
local current = tonumber(redis.call('HGET', KEYS[1], 'version') or '0')
if ARGV[4] ~= '' and tonumber(ARGV[4]) ~= current then return -current - 1 end
local version = redis.call('INCR', KEYS[2])
redis.call('HSET', KEYS[1], 'data', ARGV[1], 'by', ARGV[2], 'version', version,
  'reads', 0, 'reader', '', 'at', redis.call('TIME')[1])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return version
"""
READ = """
if redis.call('EXISTS', KEYS[1]) == 0 then return nil end
redis.call('HINCRBY', KEYS[1], 'reads', 1)
redis.call('HSET', KEYS[1], 'reader', ARGV[1], 'read_at', redis.call('TIME')[1])
return redis.call('HMGET', KEYS[1], 'data', 'by', 'version', 'reads', 'at')
"""
ACQUIRE = """
if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return nil end
return redis.call('INCR', KEYS[2])
"""
RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""
FENCED = """
if tonumber(ARGV[2]) < tonumber(redis.call('HGET', KEYS[1], 'token') or '0') then return 0 end
redis.call('HSET', KEYS[1], 'token', ARGV[2], 'value', ARGV[1])
return 1
"""


class Conflict(CourseError):
    """Somebody else has written since; read again and decide anew."""


class Entry(NamedTuple):
    """What was read, and about it."""

    data: dict
    written_by: str
    version: int
    access_count: int
    written_at: int  # seconds since 1970, on Redis' clock


class Lock(NamedTuple):
    """`token` grows with every holder; `secret` is what only this holder knows."""

    name: str
    token: int
    secret: str


class SharedMemory:
    """Entries under `namespace`; agents name themselves, and are believed."""

    def __init__(self, client: redis.Redis, namespace: str) -> None:
        self.client, self.namespace = client, namespace
        scripts = (WRITE, READ, ACQUIRE, RELEASE, FENCED)
        registered = map(client.register_script, scripts)
        self._write, self._read, self._acquire, self._release, self._fenced = registered

    def key(self, *parts: str) -> str:
        return ":".join((self.namespace, *parts))

    def write(
        self, name: str, data: dict, agent: str, ttl_s: int = 3600, if_version: int | None = None
    ) -> int:
        """Store and return the new version, larger than any before, also of an entry that has expired since.

        if_version: the version it was read at, 0 for "not there".   Raises: Conflict if it is another.
        """
        wanted = "" if if_version is None else if_version
        keys = [self.key("data", name), self.key("versions")]
        got = self._write(keys=keys, args=[json.dumps(data), agent, ttl_s, wanted])
        if got < 0:
            raise Conflict(f"{name!r} is at version {-got - 1}, expected {if_version}; read it again")
        return got

    def read(self, name: str, agent: str) -> Entry | None:
        """The entry, counted as one more access; its time to live stays as it is. None if there is none."""
        found = self._read(keys=[self.key("data", name)], args=[agent])
        if found is None:
            return None
        return Entry(json.loads(found[0]), found[1], *map(int, found[2:]))

    def update(self, name: str, change: Callable[[dict], dict], agent: str, ttl_s: int = 3600) -> int:
        """Read, change, write; after a Conflict again, until it holds. Returns how many tries it took."""
        tries = 0
        while True:
            tries += 1
            old = self.read(name, agent)
            try:
                version = old.version if old else 0
                self.write(name, change(old.data if old else {}), agent, ttl_s, if_version=version)
                return tries
            except Conflict:
                continue

    def ttl(self, name: str) -> int:
        """Seconds an entry has left."""
        return self.client.ttl(self.key("data", name))

    def acquire(self, name: str, ttl_ms: int) -> Lock | None:
        """The lock for `ttl_ms`, with a token larger than any before; None while somebody holds it."""
        secret = secrets.token_hex(8)
        token = self._acquire(keys=[self.key("lock", name), self.key("token", name)], args=[secret, ttl_ms])
        return None if token is None else Lock(name, token, secret)

    def release(self, lock: Lock) -> bool:
        """Give it back; False if it has expired, whoever holds it now."""
        return bool(self._release(keys=[self.key("lock", lock.name)], args=[lock.secret]))

    def write_fenced(self, name: str, value: str, token: int) -> bool:
        """Write unless somebody with a larger token has written before."""
        return bool(self._fenced(keys=[self.key("fenced", name)], args=[value, token]))

    def workspace(self, name: str, participants: Iterable[str] = (), ttl_s: int = 7200) -> "Workspace":
        """A workspace; with `participants`, a new one."""
        room = Workspace(self, name)
        if participants:
            room.open(participants, ttl_s)
        return room


class Workspace:
    """Variables, results and a log that only its participants may add to, one field at a time."""

    def __init__(self, memory: SharedMemory, name: str) -> None:
        self.client, self.name = memory.client, name
        self.keys = {
            part: memory.key("room", name, part) for part in ("people", "variables", "results", "log")
        }

    def open(self, participants: Iterable[str], ttl_s: int) -> None:
        with self.client.pipeline() as pipe:
            pipe.delete(*self.keys.values())
            pipe.sadd(self.keys["people"], *participants)
            pipe.expire(self.keys["people"], ttl_s)
            pipe.execute()

    def update(self, agent: str, *, variables=None, results=None, message: str = "") -> None:
        """Add what is given. Contents are not read before, so nobody's update can be lost.

        Raises: LookupError if there is no such workspace (any more); PermissionError for a name that is no
        participant's, which stops mistakes; an agent that lies about its name is believed.
        """

        def add(pipe):  # done again if the room is opened anew in between
            left = pipe.pttl(self.keys["people"])
            if left < 0:
                raise LookupError(f"no workspace {self.name!r}; open it first")
            if not pipe.sismember(self.keys["people"], agent):
                raise PermissionError(f"{agent!r} is no participant of {self.name!r}")
            pipe.multi()  # all of it or nothing
            for part, given in (("variables", variables), ("results", results)):
                if given:
                    pipe.hset(self.keys[part], mapping={k: json.dumps(v) for k, v in given.items()})
                    pipe.pexpire(self.keys[part], left)
            if message:
                pipe.rpush(self.keys["log"], json.dumps({"agent": agent, "message": message}))
                pipe.pexpire(self.keys["log"], left)

        self.client.transaction(add, self.keys["people"])

    def read(self) -> dict:
        """variables, results, log and participants."""
        load = lambda part: {k: json.loads(v) for k, v in self.client.hgetall(self.keys[part]).items()}
        log = [json.loads(line) for line in self.client.lrange(self.keys["log"], 0, -1)]
        people = sorted(self.client.smembers(self.keys["people"]))
        return {
            "participants": people,
            "variables": load("variables"),
            "results": load("results"),
            "log": log,
        }
