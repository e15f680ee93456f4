"""Which verdict numbers lead to, where several things are wrong at once."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from bayesgmm.verdict import Verdict, judge

GOOD = {
    "frozen": [0.0, 0.0],
    "solution": [0, 0],
    "repeats": [False, False],
    "moved": [False, False],
    "pareto_k": np.nan,
    "r_hat": 1.05,
    "relabelled_r_hat": 1.05,
    "ess": 100.0,
    "separation": 4.0,
    "switch_rate": 0.0,
}
# From the worst: each hides those below it.
WRONG = [
    ({"pareto_k": 0.71}, Verdict.ROUGH),
    ({"frozen": [1.0, 0.1]}, Verdict.FAULTY_CHAINS),
    ({"solution": [1, 0]}, Verdict.DIFFERENT_SOLUTIONS),
    ({"frozen": [0.1, 0.0]}, Verdict.FAULTY_CHAINS),
    ({"repeats": [False, True]}, Verdict.FAULTY_CHAINS),
    ({"moved": [True, False]}, Verdict.NOT_MIXED),
    ({"r_hat": np.nan}, Verdict.NOT_MIXED),
    ({"separation": 3.9}, Verdict.COMPONENTS_OVERLAP),
    ({"r_hat": 1.051}, Verdict.NOT_MIXED),
    ({"ess": 99.0}, Verdict.NOT_MIXED),
    ({"relabelled_r_hat": 1.051}, Verdict.NOT_MIXED),
    ({"switch_rate": 0.001}, Verdict.LABELS_RESOLVED),
    ({}, Verdict.CHAINS_AGREE),
]


def findings(*wrong):
    numbers = dict(GOOD)
    for each in wrong:
        numbers |= each
    columns = {name: numbers.pop(name) for name in list(GOOD)[:4]}
    return SimpleNamespace(chains=pd.DataFrame(columns), **numbers)


@pytest.mark.parametrize(("wrong", "verdict"), WRONG)
def test_what_is_wrong_is_named(wrong, verdict):
    assert judge(findings(wrong)) is verdict


@pytest.mark.parametrize("place", range(len(WRONG)))
def test_the_worst_is_named(place):
    wrong = [each for each, _ in reversed(WRONG[place:])]
    assert judge(findings(*wrong)) is WRONG[place][1]
