"""How sure is a share that was counted?"""

from math import sqrt


def wilson(right: float, n: int, z: float = 1.96) -> tuple[float, float]:
    """The interval that holds the true share in 95 % of experiments like this one: `right` of `n`.

    z: standard errors to each side; 1.96 for 95 %.   Never below 0 or above 1, and honest at both ends.
    Source: Wilson 1927; for why this one, Brown, Cai & DasGupta 2001.   Taught in: 05 and 06.

    >>> tuple(round(end, 3) for end in wilson(0, 48))
    (0.0, 0.074)
    """
    if not 0 <= right <= n or n < 1:
        raise ValueError(f"a share needs 0 to n successes of at least one trial, got {right} of {n}")
    middle, half = right + z * z / 2, z * sqrt(right * (n - right) / n + z * z / 4)
    return max(0.0, (middle - half) / (n + z * z)), min(1.0, (middle + half) / (n + z * z))
