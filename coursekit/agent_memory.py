"""What an agent remembers, in Redis: conversations, incidents, and what has been told already.

    memory = AgentMemoryManager(valkey.client(), space="agent")
    memory.store_conversation(agent_id, {"…": "…"})            # appended, however many append at once
    memory.search_similar_incidents(alert)                     # by meaning, best first
    memory.claim("alert", "web-shop: …")                       # True for the first within the hour

Every change is one command or one transaction, so that nothing is lost between reading and writing.
Taught in: notebooks/18_agent_concept_to_production.ipynb
"""

import base64
import json
from datetime import UTC, datetime

import numpy as np
import redis

from coursekit.embeddings import embed

LONGEST = 1000  # entries of one conversation
OPEN_S = 24 * 3600  # an incident nobody closed; a solved one stays
ALIKE = 0.5  # cosine; chosen on labelled incidents, see the notebook


class AgentMemoryManager:
    """redis: with text replies.   ttl_s: for conversations, from their last entry.   space: before keys."""

    def __init__(self, redis: redis.Redis, ttl_s: int = 3600, space: str = "agent", alike: float = ALIKE):
        self.redis_client, self.ttl_s, self.space, self.alike = redis, ttl_s, space, alike

    def key(self, *parts: str) -> str:
        return ":".join((self.space, *parts))

    # Conversations.

    def store_conversation(self, agent_id: str, conversation_data: dict) -> None:
        """Append one entry; the oldest go when there are too many."""
        entry = json.dumps({"timestamp": datetime.now(UTC).isoformat(), "data": conversation_data})
        key = self.key("conversation", agent_id)
        with self.redis_client.pipeline(transaction=True) as together:
            together.rpush(key, entry).ltrim(key, -LONGEST, -1).expire(key, self.ttl_s)
            together.execute()

    def get_conversation_history(self, agent_id: str, limit: int = 10) -> list[dict]:
        """The last `limit` entries, oldest first; none for 0."""
        if limit < 1:
            return []
        return [
            json.loads(e) for e in self.redis_client.lrange(self.key("conversation", agent_id), -limit, -1)
        ]

    # Incidents.

    def store_incident_context(self, incident_id: str, context: dict) -> None:
        """Open for a day; stored again, it replaces itself, unless it is solved: what helped is not lost."""
        vector = base64.b64encode(embed(described(context)).tobytes()).decode()
        fields = {"incident_id": incident_id, "created_at": datetime.now(UTC).isoformat(), "vector": vector,
                  "context": json.dumps(context), "resolution_status": "in_progress"}  # fmt: skip
        key = self.key("incident", incident_id)

        def change(pipe) -> None:
            if pipe.hget(key, "resolution_status") == "solved":
                return
            pipe.multi()
            pipe.hset(key, mapping=fields).expire(key, OPEN_S).sadd(self.key("incidents"), incident_id)

        self.redis_client.transaction(change, key)

    def resolve_incident(self, incident_id: str, cause: str, cure: str) -> None:
        """Keep for good what helped. Raises: KeyError for an incident that is not known (any more)."""
        key = self.key("incident", incident_id)

        def change(pipe) -> None:
            if not pipe.exists(key):
                raise KeyError(
                    f"no incident {incident_id!r}; it was never stored, or it was open for over a day"
                )
            pipe.multi()
            solved = {"resolution_status": "solved", "cause": cause, "cure": cure}
            pipe.hset(key, mapping=solved).persist(key)

        self.redis_client.transaction(change, key)

    def incident(self, incident_id: str) -> dict:
        """All that is kept of it; {} if nothing is."""
        found = self.redis_client.hgetall(self.key("incident", incident_id))
        return found | {"context": json.loads(found["context"])} if found else {}

    def search_similar_incidents(self, current: dict, most: int = 5, solved: bool = False) -> list[dict]:
        """Incidents whose description is about the same, nearest first, each with its `similarity`."""
        ids = sorted(self.redis_client.smembers(self.key("incidents")))
        with self.redis_client.pipeline(transaction=False) as together:
            for incident_id in ids:
                together.hgetall(self.key("incident", incident_id))
            found = together.execute()
        if gone := [name for name, each in zip(ids, found, strict=True) if not each]:
            self._drop(gone)  # open for over a day
        found = [each for each in found if each]
        found = [each for each in found if not solved or each["resolution_status"] == "solved"]
        if not found:
            return []
        vectors = np.array([np.frombuffer(base64.b64decode(e["vector"]), np.float32) for e in found])
        near = vectors @ embed(described(current))
        best = [int(i) for i in np.argsort(-near, kind="stable")[:most] if near[i] >= self.alike]
        return [
            {k: v for k, v in found[i].items() if k != "vector"}
            | {"context": json.loads(found[i]["context"]), "similarity": float(near[i])}
            for i in best
        ]

    def _drop(self, ids: list[str]) -> None:
        """Take incidents off the list, but for those that somebody has stored anew meanwhile."""

        def change(pipe) -> None:
            gone = [each for each in ids if not pipe.exists(self.key("incident", each))]
            pipe.multi()
            if gone:
                pipe.srem(self.key("incidents"), *gone)

        self.redis_client.transaction(change, *(self.key("incident", each) for each in ids))

    # What was done already.

    def claim(self, kind: str, key: str, for_s: int = 3600) -> bool:
        """True for the first who asks within `for_s` seconds, over all processes."""
        return bool(self.redis_client.set(self.key("claim", kind, key), "", nx=True, ex=for_s))

    def note(self, kind: str, key: str, value: str) -> None:
        """Write down what came of a claim."""
        self.redis_client.set(self.key("claim", kind, key), value, xx=True, keepttl=True)

    def claimed(self, kind: str, key: str) -> str:
        return self.redis_client.get(self.key("claim", kind, key)) or ""

    def release(self, kind: str, key: str) -> None:
        """It did not work out: the next one may try."""
        self.redis_client.delete(self.key("claim", kind, key))

    # Backup.

    def backup(self) -> list[dict]:
        """Everything under `space`, in a form that JSON can hold."""
        read = {"string": self.redis_client.get, "hash": self.redis_client.hgetall,
                "list": lambda key: self.redis_client.lrange(key, 0, -1),
                "set": lambda key: sorted(self.redis_client.smembers(key))}  # fmt: skip
        rows = []
        for key in sorted(self.redis_client.scan_iter(f"{self.space}:*")):
            kind = self.redis_client.type(key)
            if kind in read:  # limits of callers (sorted sets) are over before a backup is needed
                row = {"key": key.removeprefix(self.space), "kind": kind, "value": read[kind](key)}
                rows.append(row | {"ttl_s": self.redis_client.ttl(key)})
        return rows

    def restore(self, rows: list[dict]) -> None:
        """Put a backup back; what is there under the same keys is replaced."""
        for row in rows:
            key, value = self.space + row["key"], row["value"]
            with self.redis_client.pipeline(transaction=True) as together:
                together.delete(key)
                if row["kind"] == "string":
                    together.set(key, value)
                elif row["kind"] == "hash":
                    together.hset(key, mapping=value)
                else:
                    (together.rpush if row["kind"] == "list" else together.sadd)(key, *value)
                if row["ttl_s"] > 0:
                    together.expire(key, row["ttl_s"])
                together.execute()

    def forget_all(self) -> None:
        """Remove everything under `space`; for experiments."""
        for key in self.redis_client.scan_iter(f"{self.space}:*"):
            self.redis_client.delete(key)


def described(incident: dict) -> str:
    """The text that is compared.

    >>> described({"service": "payment-api", "message": "disk is full"})
    'disk is full (payment-api)'
    """
    return f"{incident.get('message', '')} ({incident.get('service', 'unknown')})"
