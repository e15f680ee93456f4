"""Cases of which a few run by default, and the others with the slow tests."""

from collections.abc import Iterable
from typing import Any

import pytest

REPRESENTATIVES = ("full", "tied", "VEI", "EVE")
"""Covariance families that share nothing, everything, parts without and with angles."""


def some_slow(cases: Iterable, fast: Iterable = REPRESENTATIVES) -> list[Any]:
    """Mark all cases as slow but those that stand for the others."""
    chosen = set(fast)
    slow = pytest.mark.slow
    return [
        case if case in chosen else pytest.param(case, marks=slow) for case in cases
    ]
