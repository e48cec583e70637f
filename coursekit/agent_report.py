"""How well does an agent do? Six numbers from what it really did, and what to improve.

    evaluator = AgentEvaluator(memory)
    evaluator.record_interaction(agent_id, alert, result)      # after each answer
    evaluator.generate_performance_report(agent_id)            # None where there is no data, never 0 or 1

Taught in: notebooks/18_agent_concept_to_production.ipynb
"""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

DAY = timedelta(hours=24)
WELL = "Performance is within acceptable ranges"
NOT = re.compile(r"\b(?:not|never|don't|do not|cannot|without|avoid|no)\b[^.;!?]*$", re.IGNORECASE)


@dataclass(frozen=True)
class AgentPerformanceMetrics:
    """Shares from 0 to 1, time in seconds; None where nothing was measured."""

    response_time: float | None = None
    accuracy_score: float | None = None
    tool_usage_efficiency: float | None = None
    escalation_rate: float | None = None
    user_satisfaction: float | None = None
    error_rate: float | None = None


def evaluate_response_quality(response: str, expected_actions: Sequence[str]) -> float:
    """The share of expected actions that are said, and not said to be left undone.

    >>> evaluate_response_quality("Do NOT restart the service.", ["restart the service"])
    0.0
    >>> evaluate_response_quality("Restart the service; do not scale.", ["restart the service", "roll back"])
    0.5
    """
    if not expected_actions:
        raise ValueError("quality needs at least one expected action, got none")
    return sum(_asserts(response, action) for action in expected_actions) / len(expected_actions)


def _asserts(text: str, action: str) -> bool:
    places = re.finditer(re.escape(action), text, re.IGNORECASE)
    return any(not NOT.search(text[: place.start()]) for place in places)


class AgentEvaluator:
    """memory: an AgentMemoryManager. What is recorded here is what the report counts: one store for both."""

    def __init__(self, memory, clock=lambda: datetime.now(UTC)) -> None:
        self.memory, self.clock = memory, clock

    def record_interaction(self, agent_id: str, alert: dict, result: dict) -> None:
        """Of an answer only what the report needs: no text that somebody wrote is kept."""
        kept = {"status": result["status"], "response_time": result["processing_time"],
                "escalated": result["escalation_required"], "incident_id": result["incident_id"],
                "tools": [action["ok"] for action in result["actions_taken"]],
                "severity": alert["severity"]}  # fmt: skip
        self.memory.store_conversation(agent_id, kept)

    def record_feedback(self, agent_id: str, incident_id: str, rating: int, right: bool) -> None:
        """What a person says afterwards. rating: 1 to 5.   right: were cause and culprit right?"""
        if not 1 <= rating <= 5:
            raise ValueError(f"a rating is 1 to 5, got {rating}")
        feedback = {"incident_id": incident_id, "rating": rating, "right": right}
        self.memory.store_conversation(f"{agent_id}:feedback", feedback)

    def recent(self, agent_id: str, window: timedelta = DAY, limit: int = 1000) -> list[dict]:
        cutoff = self.clock() - window
        entries = self.memory.get_conversation_history(agent_id, limit)
        return [e["data"] for e in entries if datetime.fromisoformat(e["timestamp"]) > cutoff]

    def calculate_response_time_metrics(self, agent_id: str, window: timedelta = DAY) -> dict | None:
        """Mean, median, p95 and p99 in seconds; None without data."""
        times = [entry["response_time"] for entry in self.recent(agent_id, window)]
        if not times:
            return None
        p50, p95, p99 = (float(value) for value in np.percentile(times, [50, 95, 99]))
        return {"mean": float(np.mean(times)), "median": p50, "p95": p95, "p99": p99}

    def calculate_tool_efficiency(self, agent_id: str, window: timedelta = DAY) -> float | None:
        """Successful calls among all; None without a call."""
        return _share([ok for entry in self.recent(agent_id, window) for ok in entry["tools"]])

    def metrics(self, agent_id: str, window: timedelta = DAY) -> AgentPerformanceMetrics:
        entries, said = self.recent(agent_id, window), self.recent(f"{agent_id}:feedback", window)
        times = self.calculate_response_time_metrics(agent_id, window)
        ratings = [(entry["rating"] - 1) / 4 for entry in said]
        return AgentPerformanceMetrics(
            times and times["mean"], _share([entry["right"] for entry in said]),
            self.calculate_tool_efficiency(agent_id, window), _share([e["escalated"] for e in entries]),
            float(np.mean(ratings)) if ratings else None, _share([e["status"] == "error" for e in entries]),
        )  # fmt: skip

    def generate_performance_report(self, agent_id: str, window: timedelta = DAY) -> dict:
        found = self.metrics(agent_id, window)
        rates = found.tool_usage_efficiency, found.escalation_rate, found.error_rate
        return {
            "agent_id": agent_id, "time_window_hours": window.total_seconds() / 3600,
            "total_interactions": len(self.recent(agent_id, window)),
            "response_time": self.calculate_response_time_metrics(agent_id, window),
            "metrics": asdict(found), "recommendations": self.generate_recommendations(*rates),
        }  # fmt: skip

    @staticmethod
    def generate_recommendations(
        tool_efficiency: float | None, escalation_rate: float | None, error_rate: float | None
    ) -> list[str]:
        """
        >>> AgentEvaluator.generate_recommendations(0.79, 0.31, 0.1)[0]
        'Improve tool error handling and validation'
        >>> AgentEvaluator.generate_recommendations(None, None, None)
        ['No data: nothing can be said']
        """
        if tool_efficiency is None and escalation_rate is None and error_rate is None:
            return ["No data: nothing can be said"]
        rules = (
            (tool_efficiency is not None and tool_efficiency < 0.8,
             "Improve tool error handling and validation"),
            (escalation_rate is not None and escalation_rate > 0.3,
             "Review agent confidence thresholds and decision criteria"),
            (error_rate is not None and error_rate > 0.1, "Enhance prompt engineering and add more examples"),
        )  # fmt: skip
        return [advice for holds, advice in rules if holds] or [WELL]


def _share(flags: Sequence[bool]) -> float | None:
    return sum(flags) / len(flags) if flags else None
