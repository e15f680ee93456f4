"""The verdicts on a posterior, and which of them numbers lead to."""

from enum import Enum
from typing import Any, Protocol

import numpy as np
import pandas as pd

from bayesgmm.importance import GOOD_K

R_HAT_LIMIT = 1.05
"""Above it chains have not mixed; 1.01 is the aim (Vehtari et al. 2021), which the
highest of many R-hats of good chains of a few hundred draws can miss."""

FEWEST_EFFECTIVE = 100
"""With fewer effective draws the error of a posterior mean exceeds a tenth of its sd,
and ends of intervals are guesses; 400 is the aim (Vehtari et al. 2021)."""

SEPARATELY_IDENTIFIED = 4.0
"""A mean, variance or correlation must differ between two components by so many sds.

Folding a symmetric posterior at its centre, as relabelling does where components are
exchangeable, gives 1.3: the mean of half a normal distribution in its sds. What
components of one group and of groups that are apart reach is printed by
``python -m benchmarks.verdicts``.
"""


class Verdict(Enum):
    """What the draws are good for, in a sentence that says what to do with them."""

    CHAINS_AGREE = "Use the posterior as it is."
    LABELS_RESOLVED = "Use the relabelled posterior."
    DIFFERENT_SOLUTIONS = (
        "Relabelling cannot mend this. Leave out chains that are far below the others "
        "or do not move, weight solutions near each other by `stack_chains`, and start "
        "more chains from more optima."
    )
    FAULTY_CHAINS = (
        "Leave such chains out, or sample again: from other starts or by another "
        "method where chains do not move, with a seed for each where they repeat."
    )
    COMPONENTS_OVERLAP = (
        "Read densities and memberships rather than single components, or fit fewer "
        "of them."
    )
    NOT_MIXED = "Draw more before anything is read off the draws."
    ROUGH = "Take them as a sketch of the posterior, and compare with NUTS."


class Findings(Protocol):
    """What a verdict and its sentence are made of; described in `Diagnosis`."""

    # Properties, because those who have them let nobody change them.
    @property
    def parameters(self) -> pd.DataFrame: ...
    @property
    def chains(self) -> Any: ...  # a data frame; so that its columns have no types
    @property
    def solutions(self) -> Any: ...
    @property
    def switch_rate(self) -> float: ...
    @property
    def confidence(self) -> float: ...
    @property
    def separation(self) -> float: ...
    @property
    def approximate(self) -> bool: ...
    @property
    def pareto_k(self) -> float: ...
    @property
    def n_divergences(self) -> int: ...
    @property
    def r_hat(self) -> float: ...
    @property
    def relabelled_r_hat(self) -> float: ...
    @property
    def ess(self) -> float: ...


def judge(findings: Findings) -> Verdict:
    """Look at what labels cannot change first, at relabelled parameters last."""
    columns = ("frozen", "solution", "repeats", "moved")
    found = (findings.chains[name].to_numpy() for name in columns)
    frozen, solution, repeats, moved = found
    if findings.pareto_k > GOOD_K:
        return Verdict.ROUGH
    if (frozen > 0.0).all():
        return Verdict.FAULTY_CHAINS
    if solution.max() > 0:
        return Verdict.DIFFERENT_SOLUTIONS
    if (frozen > 0.0).any() or repeats.any():
        return Verdict.FAULTY_CHAINS
    if moved.any() or np.isnan(findings.r_hat):
        return Verdict.NOT_MIXED
    if findings.separation < SEPARATELY_IDENTIFIED:
        return Verdict.COMPONENTS_OVERLAP
    if is_short(findings) or findings.relabelled_r_hat > R_HAT_LIMIT:
        return Verdict.NOT_MIXED
    if findings.switch_rate > 0:
        return Verdict.LABELS_RESOLVED
    return Verdict.CHAINS_AGREE


def is_short(findings: Findings) -> bool:
    """Tell whether even what labels cannot change is not known well yet."""
    return findings.r_hat > R_HAT_LIMIT or findings.ess < FEWEST_EFFECTIVE
