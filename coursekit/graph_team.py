"""Agents that judge one claim side by side, again where they contradict each other, up to a threshold.

    team_graph(ask, weights).invoke({"claim": "photo and receipt"})     # verdict, level, votes, path

ask(name, text) -> pay, refuse or inspect; it may raise.   weights: agent -> how much its vote counts.
Taught in: notebooks/21_langgraph.ipynb
"""

import operator
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Annotated

from langgraph.graph import END, START, StateGraph
from langgraph.types import Send
from typing_extensions import TypedDict

AGREE = 0.7  # share of the weight that must agree
MOST_ROUNDS = 2


class Coordination(TypedDict, total=False):
    """What a team shares: parts of the claim, who has which, votes by part, errors by agent, nodes passed."""

    claim: str
    parts: dict[str, str]
    assigned: dict[str, str]
    votes: Annotated[dict[str, str], operator.or_]
    errors: Annotated[dict[str, str], operator.or_]
    rounds: Annotated[int, operator.add]
    verdict: str
    level: float
    path: Annotated[list[str], operator.add]


def consensus(votes: dict[str, str], weights: dict[str, float]) -> tuple[str, float]:
    """The vote with most weight, and its share of the weight of all who voted. Of equals, the first by name.

    >>> consensus({"a": "pay", "b": "pay", "c": "refuse"}, {"a": 1, "b": 1, "c": 2})
    ('pay', 0.5)
    """
    if not votes:
        raise ValueError("a consensus needs at least one vote, got none")
    score: Counter = Counter()
    for name, vote in votes.items():
        score[vote] += weights[name]
    vote = max(sorted(score), key=score.__getitem__)
    return vote, score[vote] / score.total()


def contradict(votes: dict[str, str]) -> bool:
    """One says pay and another refuse."""
    return {"pay", "refuse"} <= set(votes.values())


def after_votes(state: Coordination) -> str:
    """A part without a vote goes to another agent, once; pay against refuse is a conflict; else count."""
    if len(state["votes"]) < len(state["parts"]) and state["rounds"] < MOST_ROUNDS:
        return "incomplete"
    return "conflicts" if contradict(state["votes"]) else "success"


def team_graph(ask: Callable[[str, str], str], weights: dict[str, float]):
    """The compiled graph of a team."""

    def decompose(state: Coordination) -> Coordination:
        """One part of the claim for each agent, named after the agent made for it."""
        return {
            "parts": {name: f"look at the {name}" for name in weights},
            "votes": {},
            "path": ["decompose"],
        }

    def assign(state: Coordination) -> Coordination:
        """Each part to the agent made for it, or, if that one has failed, to the best of the others."""
        failed = state.get("errors", {}).keys()
        best = max(sorted(weights.keys() - failed) or sorted(weights), key=weights.__getitem__)
        return {"assigned": {part: best if part in failed else part for part in state["parts"]},
                "rounds": 1, "path": ["assign"]}  # fmt: skip

    def to_agents(state: Coordination) -> list[Send] | str:
        todo = [part for part in state["parts"] if part not in state["votes"]]
        text = lambda part: f"{state['claim']}. {state['parts'][part]}"
        return [
            Send("agent", {"part": part, "name": state["assigned"][part], "text": text(part)})
            for part in todo
        ] or "collect"

    def agent(one: dict) -> Coordination:
        try:
            return {"votes": {one["part"]: ask(one["name"], one["text"])}}
        except Exception as error:  # an agent may fail in any way; the team goes on
            return {"errors": {one["name"]: type(error).__name__}}

    def resolve(state: Coordination) -> Coordination:
        """Each hears the others once, and may change its mind."""
        heard = "; ".join(f"{part} said {vote}" for part, vote in sorted(state["votes"].items()))
        votes = dict(sorted(state["votes"].items()))
        for part in votes:
            with suppress(Exception):  # who does not answer now has voted before
                votes[part] = ask(state["assigned"][part], f"{state['claim']}. {heard}")
        return {"votes": votes, "path": ["resolve"]}

    def counted(where: str, weigh: bool) -> Callable:
        def count(state: Coordination) -> Coordination:
            share = Counter(state["assigned"][part] for part in state["votes"])  # two parts, still one agent
            weight = {
                part: (weights[name] if weigh else 1.0) / share[name]
                for part, name in state["assigned"].items()
                if part in state["votes"]
            }
            verdict, level = consensus(state["votes"], weight) if state["votes"] else ("", 0.0)
            return {"verdict": verdict, "level": level, "path": [where]}

        return count

    enough = lambda state: "0.7 or more" if state["level"] >= AGREE else "less"
    graph = StateGraph(Coordination).add_node(decompose).add_node(assign).add_node(agent).add_node(resolve)
    graph.add_node("collect", lambda state: {"path": ["collect"]})
    graph.add_node("aggregate", counted("aggregate", weigh=False))
    graph.add_node("consensus", counted("consensus", weigh=True))
    graph.add_node("synthesise", lambda state: {"path": ["synthesise"]})
    graph.add_node("escalate", lambda state: {"verdict": "ask a person", "path": ["escalate"]})
    graph.add_edge(START, "decompose").add_edge("decompose", "assign").add_edge("agent", "collect")
    graph.add_conditional_edges("assign", to_agents, ["agent", "collect"])
    ways = {"success": "aggregate", "conflicts": "resolve", "incomplete": "assign"}
    graph.add_conditional_edges("collect", after_votes, ways).add_edge("resolve", "consensus")
    graph.add_conditional_edges("aggregate", enough, {"0.7 or more": "synthesise", "less": "consensus"})
    graph.add_conditional_edges("consensus", enough, {"0.7 or more": "synthesise", "less": "escalate"})
    return graph.add_edge("synthesise", END).add_edge("escalate", END).compile()
