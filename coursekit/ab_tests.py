"""A/B tests that survive a restart: arms follow from a hash, what was measured stands in Redis.

    tests = ABTestManager(valkey.client(), "agent")
    tests.create_test("prompt-2", {"smallest": 0.10, "base": 0.70})
    tests.assign_variant("prompt-2", "alert-17")               # the same in every process, for ever
    tests.record_result("prompt-2", "alert-17", success=True, seconds=0.4)
    tests.analyze_test_results("prompt-2")

Taught in: notebooks/18_agent_concept_to_production.ipynb
"""

import hashlib
import json
from datetime import UTC, datetime
from enum import Enum
from statistics import fmean

import redis

from coursekit.ab_stats import balance, newcombe, sample_size, two_proportions


class VariantType(Enum):
    CONTROL = "control"
    TREATMENT = "treatment"


def assign(test_id: str, user_id: str, share: float = 0.5) -> VariantType:
    """The arm of a user, from a hash of both names; another test mixes anew. share: of the treatment.

    >>> assign("t", "u") is assign("t", "u")
    True
    """
    number = int.from_bytes(hashlib.sha256(f"{test_id}/{user_id}".encode()).digest()[:8])
    return VariantType.TREATMENT if number < share * 2**64 else VariantType.CONTROL


class ABTestManager:
    """redis: with text replies.   space: before every key."""

    def __init__(self, redis: redis.Redis, space: str = "agent") -> None:
        self.redis, self.space = redis, space

    def _key(self, kind: str, test_id: str) -> str:
        return f"{self.space}:abtest:{kind}:{test_id}"

    def create_test(self, test_id: str, test_config: dict) -> bool:
        """True if it is new. test_config: `base`, the share today; `smallest`, what matters."""
        needed = sample_size(test_config["base"], test_config["base"] + test_config["smallest"])
        test = {"config": test_config, "created_at": datetime.now(UTC).isoformat(), "needed": needed}
        return bool(self.redis.set(self._key("config", test_id), json.dumps(test), nx=True))

    def test(self, test_id: str) -> dict:
        """Raises: KeyError for a test that was not created."""
        found = self.redis.get(self._key("config", test_id))
        if found is None:
            raise KeyError(f"no A/B test {test_id!r}; a typing error would put everybody into one arm")
        return json.loads(found)

    def assign_variant(self, test_id: str, user_id: str) -> VariantType:
        return assign(test_id, user_id, self.test(test_id)["config"].get("share", 0.5))

    def record_result(self, test_id: str, user_id: str, *, success: bool, seconds: float) -> bool:
        """True if it counts: of one user, the first result does."""
        arm = self.assign_variant(test_id, user_id).value
        entry = json.dumps({"success": success, "seconds": seconds})
        return bool(self.redis.hsetnx(self._key(arm, test_id), user_id, entry))

    def results(self, test_id: str, arm: VariantType) -> list[dict]:
        return [json.loads(entry) for entry in self.redis.hgetall(self._key(arm.value, test_id)).values()]

    def analyze_test_results(self, test_id: str) -> dict:
        """Shares, difference with its interval, p, and what to do. Below the planned size: no verdict."""
        needed = self.test(test_id)["needed"]
        a, b = (self.results(test_id, arm) for arm in VariantType)
        report = {
            "test_id": test_id,
            "sample_sizes": {"control": len(a), "treatment": len(b)},
            "needed": needed,
        }
        if min(len(a), len(b)) < needed:
            return report | {"recommendation": f"go on: {needed} in each arm were planned"}
        counts = sum(r["success"] for r in a), len(a), sum(r["success"] for r in b), len(b)
        compared = two_proportions(*counts)
        times = [self.calculate_avg_response_time(arm) for arm in (a, b)]
        report |= {
            "success_rates": {"control": self.calculate_success_rate(a),
                              "treatment": self.calculate_success_rate(b)},
            "difference": compared.difference, "interval": newcombe(*counts), "p": compared.p,
            "balance_p": balance(len(a), len(b)),
            "response_times": {"control": times[0], "treatment": times[1]},
        }  # fmt: skip
        return report | {"recommendation": self.generate_test_recommendation(report)}

    @staticmethod
    def calculate_success_rate(results: list[dict]) -> float:
        """Raises: ValueError where there are none: no data is not a rate of 0."""
        if not results:
            raise ValueError("no results yet, so there is no success rate")
        return sum(result["success"] for result in results) / len(results)

    @staticmethod
    def calculate_avg_response_time(results: list[dict]) -> float:
        """In seconds. Raises: ValueError where there are none."""
        if not results:
            raise ValueError("no results yet, so there is no mean time")
        return fmean(result["seconds"] for result in results)

    @staticmethod
    def generate_test_recommendation(report: dict) -> str:
        """In this order: a broken split explains everything else; then the interval decides."""
        low, high = report["interval"]
        if report["balance_p"] < 0.001:
            return "stop: the arms are too unequal, so the assignment or the counting is broken"
        if low > 0:
            return "take the treatment"
        if high < 0:
            return "keep the control: the treatment is worse"
        return "keep the control: no difference was shown"
