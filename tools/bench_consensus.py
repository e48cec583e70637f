"""`make bench`, consensus: 20,000 random schedules of Raft, with its promises and its answers checked.

Ordeals run against the clock (faults at random moments, five promises after every event, then the history
that the clients saw); walks are the adversary's (any order of events). Speed is per CPU second of one core.
Ends with 1 if a promise breaks, a history cannot be explained, a client waits on, or a target is missed.
"""

import sys
import time
from functools import partial
from random import Random

from coursekit.chapters import carried, text
from coursekit.sweep import grid, sweep

NOTEBOOK = "03_consensus"
BLOCK = 250
ORDEALS, WALKS, FIRST = 20_000, 5_000, 100_000  # FIRST: seeds that neither notebook nor tests use
TARGETS = {"ordeals": 80, "walks": 200}  # schedules a second and core


def run(chapter: str, kind: str, first: int, count: int) -> dict:
    """A block of schedules: events, CPU seconds, and what went wrong. chapter: the text of the notebook."""
    raft, began = carried(NOTEBOOK, chapter), time.process_time()
    faults, events, checking = [], 0, 0.0
    for seed in range(first, first + count):
        try:
            if kind == "walks":
                choices, broken = raft.walk(seed, raft.Raft, length=150)
                events += len(choices)
                faults += [f"walk {seed}: {broken}"] if broken else []
                continue
            world = raft.ordeal(seed)
            events += sum(event.kind != "note" for event in world.log)
            start = time.process_time()
            if not raft.is_linearizable(raft.operations(world)):
                faults.append(f"ordeal {seed}: no single machine could have answered like this")
            checking += time.process_time() - start
            if not raft.is_content(world):
                faults.append(f"ordeal {seed}: a client still waits")
        except raft.Violation as violation:
            faults.append(f"ordeal {seed}: {violation}")
    spent = time.process_time() - began
    return {"kind": kind, "events": events, "s": spent, "checking": checking, "faults": faults}


def alone() -> float:
    """Events per CPU second of five nodes and two clients, with nobody watching."""
    raft, best = carried(NOTEBOOK, text(NOTEBOOK)), 0.0
    for seed in range(5):
        world = raft.cluster("n1 n2 n3 n4 n5", raft.Raft, raft.World(seed), keep=50)
        for name in ("ann", "bob"):
            commands = raft.any_commands(Random(seed), 10_000)
            world.add(name, raft.partial(raft.Client, servers=raft.FIVE, commands=commands))
        began = time.process_time()
        world.run(until=20_000)
        events = sum(event.kind != "note" for event in world.log)
        best = max(best, events / (time.process_time() - began))
    return best


def main() -> int:
    """Run all blocks on all cores, and print the table."""
    points = [
        point
        for kind, count in (("ordeals", ORDEALS), ("walks", WALKS))
        for point in grid(kind=[kind], first=range(FIRST, FIRST + count, BLOCK), count=[BLOCK])
    ]
    blocks = sweep(partial(run, text(NOTEBOOK)), points)
    print(f"Raft of notebook 3; the simulation alone: {alone():,.0f} events/s")
    print("| schedules | how many | events     | events/s | schedules/s | checking answers |")
    print("|-----------|---------:|-----------:|---------:|------------:|-----------------:|")
    wrong = [fault for block in blocks for fault in block["faults"]]
    for kind, target in TARGETS.items():
        mine = [block for block in blocks if block["kind"] == kind]
        events, spent, checking = (sum(block[what] for block in mine) for what in ("events", "s", "checking"))
        count = len(mine) * BLOCK
        print(f"| {kind:9} | {count:8,} | {events:10,} | {events / spent:8,.0f} "
              f"| {count / spent:11,.0f} | {checking / spent:16.1%} |")  # fmt: skip
        if count / spent < target:
            wrong.append(f"{kind}: {count / spent:.0f} a second and core, the target is {target}")
    print("\n".join(wrong) or "No promise broke, every answer can be explained, and all targets are met.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
