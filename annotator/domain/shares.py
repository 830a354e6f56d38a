"""Shares of a count, and how far to trust them."""

from __future__ import annotations

import math

Z_95 = 1.959964  # 97.5 % point of the normal distribution


def wilson(share: float, n: float) -> tuple[float, float]:
    """The 95 % interval of a share in [0, 1] among n > 0, which stays inside [0, 1] also for small n.

    Source: Wilson (1927), Probable inference, the law of succession, and statistical inference.
    """
    middle = (share + Z_95**2 / (2 * n)) / (1 + Z_95**2 / n)
    reach = Z_95 / (1 + Z_95**2 / n) * math.sqrt(share * (1 - share) / n + Z_95**2 / (4 * n**2))
    return max(middle - reach, 0.0), min(middle + reach, 1.0)
