"""The support desk of a small web shop: its orders, its past cases, and six tools that really work.

    workplace = Workplace(office, reader)
    workplace.analyze_logs("late")           # {'WARN': 5}

Two tools give information, two act, two analyse. What may be asked of them is not decided here.
Taught in: notebooks/17_agent_components.ipynb
"""

import sqlite3
from collections import Counter

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client import Counter as Count

from coursekit import corpus, embeddings, retrieval
from coursekit.desk import Office

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
