"""The verdicts on a posterior, and which of them numbers lead to."""

from enum import Enum
from typing import Any

import numpy as np

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
exchangeable, gives 1.3. In simulations with a Gibbs sampler components of one group
were mostly below 2.2 and at most 3.4, but for some that sat on a handful of rows, and
those of groups that are clearly apart above 12.
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
    COMPONENTS_OVERLAP = (
        "Read densities and memberships rather than single components, or fit fewer "
        "of them."
    )
    NOT_MIXED = "Draw more before anything is read off the draws."
    ROUGH = "Take them as a sketch of the posterior, and compare with NUTS."


def judge(diagnosis: Any) -> Verdict:
    """Look at what labels cannot change first, at relabelled parameters last."""
    if diagnosis.pareto_k > GOOD_K:
        return Verdict.ROUGH
    if diagnosis.chains["solution"].to_numpy().max() > 0:
        return Verdict.DIFFERENT_SOLUTIONS
    if diagnosis.moved or np.isnan(diagnosis.r_hat):
        return Verdict.NOT_MIXED
    if diagnosis.separation < SEPARATELY_IDENTIFIED:
        return Verdict.COMPONENTS_OVERLAP
    if is_short(diagnosis) or diagnosis.relabelled_r_hat > R_HAT_LIMIT:
        return Verdict.NOT_MIXED
    if diagnosis.switch_rate > 0:
        return Verdict.LABELS_RESOLVED
    return Verdict.CHAINS_AGREE


def is_short(diagnosis: Any) -> bool:
    """Tell whether even what labels cannot change is not known well yet."""
    return diagnosis.r_hat > R_HAT_LIMIT or diagnosis.ess < FEWEST_EFFECTIVE
