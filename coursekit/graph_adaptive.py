"""A workflow that measures itself and changes its way of working: three ways, a rush, and a rule to choose.

    share_good("thorough", seed=1, adapts=True)     # share of claims right and in time; what was changed

Taught in: notebooks/21_langgraph.ipynb
"""

import operator
from random import Random
from typing import Annotated

from langgraph.graph import END, START, StateGraph
from typing_extensions import TypedDict

WAYS = {"thorough": (8, 0.98), "quick": (3, 0.88), "cached": (1, 0.75)}  # time units, share that is right
FASTER, BETTER = ["thorough", "quick", "cached"], ["cached", "quick", "thorough"]
ENOUGH = 0.7
ROUNDS, BATCH = 60, 20
RUSH = range(20, 40)  # rounds in which a claim has 1 time unit instead of 10


def analyse_performance(metrics: dict[str, float]) -> tuple[list[str], str | None]:
    """Which metrics are below 0.7, and the reason to adapt; without metrics there is none.

    >>> analyse_performance({"in_time": 0.0, "accuracy": 0.9})
    (['in_time'], 'slow_response')
    """
    low = [name for name, value in metrics.items() if value < ENOUGH]
    if not low:
        return low, None
    if len(low) > 1:
        return low, "several_problems"
    return low, {"in_time": "slow_response", "accuracy": "low_accuracy"}.get(low[0], f"low_{low[0]}")


def choose_way(current: str, reason: str | None) -> str:
    """The next faster or the next better way; at the end of the list it stays.

    >>> [choose_way(way, "slow_response") for way in WAYS]
    ['quick', 'cached', 'cached']
    """
    line = {"slow_response": FASTER, "several_problems": FASTER, "low_accuracy": BETTER}.get(
        reason, [current]
    )
    return line[min(line.index(current) + 1, len(line) - 1)]


class Adaptive(TypedDict, total=False):
    way: str
    round: int
    metrics: dict[str, float]
    good: Annotated[int, operator.add]
    history: Annotated[list[dict], operator.add]


def time_allowed(round_number: int) -> int:
    """Time units that a claim has."""
    return 1 if round_number in RUSH else 10


def adaptive_graph(seed: int, adapts: bool = True, heeds_limits: bool = True):
    """A loop of two nodes: serve 20 claims and measure, then adapt. Stops after 60 rounds.

    heeds_limits: a better way is taken only if there is time for it.
    """
    rng = Random(seed)

    def serve(state: Adaptive) -> Adaptive:
        units, accuracy = WAYS[state["way"]]
        right = sum(rng.random() < accuracy for _ in range(BATCH))
        in_time = units <= time_allowed(state["round"])
        metrics = {"in_time": float(in_time), "accuracy": right / BATCH}
        return {"metrics": metrics, "round": state["round"] + 1, "good": right * in_time}

    def adapt(state: Adaptive) -> Adaptive:
        way, (_, reason) = state["way"], analyse_performance(state["metrics"])
        better = choose_way(way, "low_accuracy")
        fits = WAYS[better][0] <= time_allowed(state["round"])
        if reason is None and fits:
            reason, way = "time_is_left", better
        elif reason != "low_accuracy" or fits or not heeds_limits:
            way = choose_way(way, reason)
        if way == state["way"]:
            return {}
        return {
            "way": way,
            "history": [{"round": state["round"], "from": state["way"], "to": way, "reason": reason}],
        }

    graph = (
        StateGraph(Adaptive)
        .add_node(serve)
        .add_node("adapt", adapt if adapts else lambda state: {})
        .add_edge(START, "serve")
        .add_edge("serve", "adapt")
    )
    again = lambda state: "serve" if state["round"] < ROUNDS else END
    return graph.add_conditional_edges("adapt", again, ["serve", END]).compile()


def share_good(way: str, seed: int, **how: bool) -> tuple[float, list[dict]]:
    """Share of 1,200 claims right and in time, and what was changed when. how: see `adaptive_graph`."""
    begin = {"way": way, "round": 0, "good": 0, "history": []}
    end = adaptive_graph(seed, **how).invoke(begin, {"recursion_limit": 3 * ROUNDS})
    return end["good"] / (ROUNDS * BATCH), end["history"]
