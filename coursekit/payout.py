"""A claim that is paid by a program which may be killed at any moment: a graph, its checkpoints, and a bank.

    crash.trial(payout.run, folder, "no key", kill_at="pay done, not noted")  # dies there, by SIGKILL
    crash.trial(payout.run, folder, "no key")                                 # started again, it finishes
    payout.payments(folder)                                                    # the books of the bank

A node that has returned is noted twice: first what it returned, then the checkpoint of the whole step. One
may die between the two, and then `get_state(...).next` is empty though nodes are missing. So a thread that
has a checkpoint is always taken up again, which runs nothing if it was finished.

The bank is a database of its own, as a remote service would be: no transaction spans it and the checkpoint.
It lives here, not in a notebook, since another process must import it.
Taught in: notebooks/21_langgraph.ipynb
"""

import sqlite3
import uuid
from collections import Counter
from contextlib import closing
from pathlib import Path

from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import START, StateGraph
from langgraph.types import StateSnapshot
from typing_extensions import TypedDict

from coursekit.crash import boundary

NODES = ("check", "pay", "tell", "archive")
BOUNDARIES = tuple(f"{node} {where}" for node in NODES for where in ("begins", "done, not noted"))
BETWEEN = tuple(f"{node} noted, step open" for node in NODES)  # what it returned is stored, no checkpoint yet
WAYS = ("no key", "key drawn in the node", "key from the claim")
THREAD = {"configurable": {"thread_id": "claim-7"}}
IN_ORDER = {"max_concurrency": 1}  # one thread takes all notes, so that where it dies says what is on disk
SELECT = {"orders": "SELECT claim, euros FROM orders", "runs": "SELECT node FROM runs"}


class Payout(TypedDict, total=False):
    claim: str
    euros: int
    done: list[str]


class Bank:
    """A bank that honours idempotency keys: a second order under the same key changes nothing.

    folder: where its books are kept.   Raises: sqlite3.OperationalError if it cannot be written.
    """

    def __init__(self, folder: str) -> None:
        self.path = Path(folder, "bank.db")
        with self._open() as books:
            books.execute("CREATE TABLE IF NOT EXISTS orders (key TEXT PRIMARY KEY, claim TEXT, euros INT)")
            books.execute("CREATE TABLE IF NOT EXISTS runs (node TEXT)")

    def pay(self, claim: str, euros: int, key: str | None = None) -> None:
        """Without a key each order is a new one."""
        with self._open() as books:
            row = (key or uuid.uuid4().hex, claim, euros)
            books.execute("INSERT OR IGNORE INTO orders VALUES (?, ?, ?)", row)

    def ran(self, node: str) -> None:
        """Note, beside the graph, that a node was run: what the graph forgets stands here."""
        with self._open() as books:
            books.execute("INSERT INTO runs VALUES (?)", (node,))

    def rows(self, table: str) -> list[tuple]:
        with closing(self._open()) as books:
            return books.execute(SELECT[table]).fetchall()

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, timeout=30)


class Notes(SqliteSaver):
    """A checkpointer with a place to die between what a node returned and the checkpoint after it."""

    def put_writes(self, config, writes, task_id, task_path="") -> None:
        super().put_writes(config, writes, task_id, task_path)
        boundary(f"{task_path.split(', ')[-1]} noted, step open")


def keys(way: str, claim: str) -> str | None:
    """The idempotency key of a payment, in one of three ways."""
    made = {"no key": None, "key drawn in the node": uuid.uuid4().hex, "key from the claim": f"pay:{claim}"}
    return made[way]


def graph(bank: Bank, way: str) -> StateGraph:
    """Four nodes in a row; the second pays."""

    def node(name: str):
        def work(state: Payout) -> Payout:
            boundary(f"{name} begins")
            bank.ran(name)
            if name == "pay":
                bank.pay(state["claim"], state["euros"], keys(way, state["claim"]))
            boundary(f"{name} done, not noted")
            return {"done": [*state.get("done", []), name]}

        return name, work

    return StateGraph(Payout).add_sequence([node(name) for name in NODES]).add_edge(START, NODES[0])


def run(folder: str, way: str, durability: str = "sync") -> None:
    """Pay claim 7, or go on where a process that died has stopped.

    way: one of WAYS.   durability: when LangGraph writes a checkpoint: "sync", "async" or "exit".
    """
    with Notes.from_conn_string(str(Path(folder, "graph.db"))) as saver:
        app = graph(Bank(folder), way).compile(saver)
        begun = saver.get_tuple(THREAD) is not None
        given = None if begun else {"claim": "claim-7", "euros": 240}  # None: go on with what is stored
        app.invoke(given, THREAD | IN_ORDER, durability=durability)


def payments(folder: str) -> list[tuple]:
    """Claim and euros of each payment in the bank's books."""
    return Bank(folder).rows("orders")


def runs(folder: str) -> dict[str, int]:
    """How often each node was begun, crashes included."""
    return dict(Counter(node for (node,) in Bank(folder).rows("runs")))


def stored(folder: str) -> StateSnapshot:
    """The newest state that LangGraph finds in its checkpoints."""
    with SqliteSaver.from_conn_string(str(Path(folder, "graph.db"))) as saver:
        return graph(Bank(folder), WAYS[0]).compile(saver).get_state(THREAD)


def finished(folder: str) -> bool:
    """Have all four nodes been run and noted? That `next` is empty would not say so."""
    return stored(folder).values.get("done") == list(NODES)
