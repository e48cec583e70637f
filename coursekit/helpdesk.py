"""The support desk of a small web shop: its orders, past cases, customers, and six tools that really work.

    workplace = Workplace(office, reader)
    workplace.analyze_logs("late")           # {'WARN': 5}

Two tools give information, two act, two analyse. What may be asked of them is not decided here.
`ReadOnly` guards the database, `clerk` is the scripted model of the desk, `TALKS` are conversations to check.
Taught in: notebooks/17_agent_components.ipynb
"""

import json
import re
import sqlite3
from collections import Counter
from threading import Lock
from typing import NamedTuple

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client import Counter as Count

from coursekit import corpus, embeddings, rehearsal, retrieval
from coursekit.desk import Office
from coursekit.rehearsal import say

LOG = [
    ("WARN", "parcel late at depot Turin") if i % 5 == 0 else ("INFO", "parcel delivered") for i in range(24)
]
EPISODES = {
    "e1": ("the parcel arrived soaked and the box was torn", "replacement sent, photos asked for"),
    "e2": ("I was charged twice for one order", "second charge refunded"),
    "e3": ("the discount code is refused at the till", "code was for new customers; voucher given"),
    "e4": ("the courier left it with a neighbour who knows nothing", "courier traced, signature checked"),
    "e5": ("the shoes are one size too small", "exchange started, label sent"),
    "e6": ("I cannot log in since I changed my password", "old sessions ended, reset link sent"),
    "e7": ("the invoice shows the wrong company name", "corrected invoice issued"),
    "e8": ("tracking has not moved for a week", "search order opened at the carrier"),
    "e9": ("the lamp flickers and then goes dark", "warranty case opened"),
    "e10": ("please delete everything you know about me", "erasure request passed to privacy"),
    "e11": ("the gift was sent to my old address", "stopped at the depot and redirected"),
    "e12": ("half of the glasses in the set are broken", "part of the price refunded"),
    "e13": ("the newsletter keeps coming though I left it", "address blocked for mailings"),
    "e14": ("the app closes as soon as I open the basket", "fixed in the next version; website suggested"),
    "e15": ("customs want money before they hand it over", "duties explained and repaid"),
    "e16": ("the jacket looks different from the picture", "return accepted, picture mended"),
}
ASKED_ANEW = {
    "e1": "everything inside is wet, the carton is ripped open",
    "e2": "my card statement lists your shop two times for the same purchase",
    "e3": "your coupon does not work when I pay",
    "e4": "the driver gave my delivery to someone next door",
    "e5": "these sneakers do not fit, I need them bigger",
    "e6": "sign-in fails after a new password",
    "e7": "our firm is misspelled on the bill",
    "e8": "the shipment status has been the same for days",
    "e9": "the light blinks and switches itself off",
    "e10": "erase my personal data",
    "e11": "my present is on its way to a house where I no longer live",
    "e12": "several of the cups came shattered",
    "e13": "I unsubscribed and still get your emails",
    "e14": "the mobile program crashes at the shopping cart",
    "e15": "I have to pay import tax to receive it",
    "e16": "the coat is not like it was shown on the site",
}


def shop() -> sqlite3.Connection:
    """A database of twelve orders: number, customer, city of the parcel, days late, euros."""
    db = sqlite3.connect(":memory:", check_same_thread=False)
    db.execute(
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, customer, city, days_late INTEGER, euros INTEGER)"
    )
    cities = ("Lyon", "Turin", "Oslo", "Porto")
    rows = [(1001 + i, f"c{i % 5}", cities[i % 4], (i * 7) % 9, 20 + 13 * i) for i in range(12)]
    db.executemany("INSERT INTO orders VALUES (?, ?, ?, ?, ?)", rows)
    db.commit()
    return db


READS = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
FUNCTIONS = {"count", "sum", "avg", "min", "max", "round", "abs", "lower", "upper", "length", "coalesce"}


class ReadOnly:
    """Reads some tables of a database and does nothing else to it.

    ticks: thousand steps of SQLite's machine for one statement.   longest: bytes of one value.
    """

    def __init__(
        self, db: sqlite3.Connection, tables: set[str], ticks: int = 200, longest: int = 10_000
    ) -> None:
        self.db, self.tables, self.ticks, self.one_at_a_time = db, tables, ticks, Lock()
        db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, longest)
        db.set_authorizer(self._judge)

    def _judge(self, action, first, second, *_) -> int:
        foreign = action == sqlite3.SQLITE_READ and first not in self.tables
        unknown = action == sqlite3.SQLITE_FUNCTION and second not in FUNCTIONS
        return sqlite3.SQLITE_DENY if action not in READS or foreign or unknown else sqlite3.SQLITE_OK

    def query(self, sql: str, values: list = (), most: int = 20) -> list[list]:
        """Rows of one statement. Raises: sqlite3.Error if it writes, reads elsewhere, is too long or slow."""
        ticks = iter(range(self.ticks))
        with self.one_at_a_time:
            self.db.set_progress_handler(lambda: next(ticks, None) is None, 1000)
            return [list(row) for row in self.db.execute(sql, values).fetchmany(most)]


class Workplace:
    """Six tools and what they work on. office: files tickets and posts messages.

    reader: has `query(sql, values)`, and should do no more than read.
    """

    def __init__(self, office: Office, reader) -> None:
        self.office, self.reader = office, reader
        self.passages = {passage.id: passage for passage in corpus.passages()}
        self.index = retrieval.Dense(list(self.passages), corpus.vectors())
        self.registry = CollectorRegistry()
        self.parcels = Count("parcels_total", "Parcels by outcome", ["outcome"], registry=self.registry)
        self.log = [
            f"{8 + i // 12:02}:{5 * (i % 12):02} {level} {text}" for i, (level, text) in enumerate(LOG)
        ]
        for _, text in LOG:
            self.parcels.labels("late" if "late" in text else "on time").inc()

    def search_documentation(self, question: str) -> str:
        """Search the handbook. Returns the nearest passage."""
        ((best, _),) = self.index.search(embeddings.embed(question), k=1)
        return self.passages[best].text

    def query_database(self, sql: str, values: list = ()) -> list[list]:
        """Read the table orders(id, customer, city, days_late, euros) with one SELECT. values: for `?`."""
        return self.reader.query(sql, values)

    def create_ticket(self, title: str, description: str, priority: str) -> str:
        """File a ticket. priority: low, normal or high. Returns its key."""
        return self.office.ticket(f"[{priority}] {title}", description, "support")

    def send_notification(self, channel: str, message: str) -> str:
        """Post a message to a channel of the team."""
        self.office.post(channel, message)
        return "sent"

    def analyze_logs(self, word: str) -> dict[str, int]:
        """Count the log lines that hold a word, by level."""
        return dict(Counter(line.split()[1] for line in self.log if word in line))

    def monitor_metrics(self, name: str) -> dict[str, float]:
        """Read one counter of the shop, by label."""
        lines = generate_latest(self.registry).decode().splitlines()
        return {
            line.split("{")[1].split("}")[0]: float(line.split()[-1])
            for line in lines
            if line.startswith(name + "{")
        }


GOALS = ("say where it is", "answer a complaint", "report late parcels", "none")
UNDERSTOOD = {  # JSON Schema of what was understood
    "type": "object",
    "required": ["goal", "order"],
    "additionalProperties": False,
    "properties": {"goal": {"enum": list(GOALS)}, "order": {"type": ["integer", "null"]}},
}


@rehearsal.policy("support clerk")
def clerk(request):
    """Understands when asked for JSON; writes an answer when given facts as JSON."""
    text = request.user
    if not request.schema:
        facts = json.loads(text)
        if facts["undone"]:
            return say(f"I could not do it: {', '.join(facts['undone'])}. A person will look at it.")
        ((city, days),) = facts["results"].get("order") or [["?", "?"]]
        answers = {
            "say where it is": f"Order {facts['order']} is in {city}, {days} days late.",
            "answer a complaint": f"I am sorry. What we do: {facts['cure']}.",
            "report late parcels": "The report is filed.",
        }
        return say(answers.get(facts["goal"], "Thank you."))
    said = [message["content"] for message in request.messages if message["role"] == "user"]
    numbers = [int(number) for line in said for number in re.findall(r"\b1\d{3}\b", line)]
    goals = {  # the first pattern that fits decides
        "report late parcels": r"(?<!no )report",
        "answer a complaint": r"\bwet\b|broken|blinks|shattered",
        "say where it is": r"where|late",
    }
    goal = next((goal for goal, words in goals.items() if re.search(words, text, re.IGNORECASE)), "none")
    return {"goal": goal, "order": numbers[-1] if numbers else None}


class Talk(NamedTuple):
    """A conversation, and what must have come of it."""

    said: tuple[str, ...]
    answer: str  # stands in the last reply
    ticket: str = ""  # stands in the last ticket
    told: bool = False  # was the team told?


TALKS = (
    Talk(("Where is order 1003?",), "Oslo"),
    Talk(("Where is order 1007?", "And how many days late is it?"), "6 days"),
    Talk(("Everything inside parcel 1004 is wet.",), "replacement", "replacement", True),
    Talk(("My order is 1009.", "The lamp blinks and switches itself off."), "warranty", "warranty", True),
    Talk(("Please report on the late parcels.",), "filed", "counted", True),
    Talk(("I do not ask where 1005 is, half of the glasses came broken.",), "refunded", "refunded", True),
    Talk(("I need no report, tell me where 1002 is.",), "Turin"),
    Talk(("Several cups of order 1008 came shattered.",), "refunded", "refunded", True),
)


def by_keywords(request: str, turns: list[dict]) -> dict:
    """Goal and order without a model: the first key word decides, and the first number."""
    words = {"where": "say where it is", "late": "say where it is", "wet": "answer a complaint"}
    number = re.search(r"\b1\d{3}\b", " ".join([request, *(turn["content"] for turn in turns)]))
    goal = next((goal for word, goal in words.items() if word in request.lower()), "none")
    return {"goal": goal, "order": int(number[0]) if number else None}
