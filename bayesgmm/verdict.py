"""The verdict on a posterior: what it is made from, and how it is said."""

from dataclasses import dataclass
from enum import Enum

import numpy as np
import pandas as pd

R_HAT_LIMIT = 1.05
"""Above it chains have not mixed; 1.01 is the aim (Vehtari et al. 2021), which the
highest of many R-hats of good chains of a few hundred draws can miss."""

FEWEST_EFFECTIVE = 100
"""With fewer effective draws the error of a posterior mean exceeds a tenth of its sd,
and ends of intervals are guesses; 400 is the aim (Vehtari et al. 2021)."""

SEPARATELY_IDENTIFIED = 3.0
"""Some feature must tell two components apart by so many posterior sds.

Folding a symmetric posterior at its centre, as relabelling does where components are
exchangeable, gives 1.3; in simulations components of one group were below 2.2, those of
two groups above 14.
"""


class Verdict(Enum):
    """What the draws are good for."""

    CHAINS_AGREE = "The chains agree: use the posterior as it is."
    LABELS_RESOLVED = "Labels switched and were resolved: use the relabelled posterior."
    DIFFERENT_SOLUTIONS = (
        "The chains found different solutions, which relabelling cannot mend: compare "
        "their log-densities, and start more chains from more optima."
    )
    COMPONENTS_OVERLAP = (
        "Components overlap and are not separately identified: read densities and "
        "memberships rather than single components, or fit fewer of them."
    )
    NOT_MIXED = "The chains have not mixed: draw more before anything is read off them."


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What the verdict is made from; see `Diagnosis` for most fields.

    `moved` tells that a single chain went from one solution to another, `approximate`
    that the draws are not of the posterior, but of an approximation.
    """

    invariants: pd.DataFrame
    parameters: pd.DataFrame
    chains: pd.DataFrame
    switch_rate: float
    confidence: float
    separation: float
    moved: bool
    approximate: bool = False

    @property
    def r_hat(self) -> float:
        return _highest(self.invariants["r_hat"])

    @property
    def relabelled_r_hat(self) -> float:
        return _highest(self.parameters["r_hat"])

    @property
    def ess(self) -> float:
        return -_highest(-self.invariants["ess_bulk"])


def _highest(column) -> float:
    """Return the largest number, NaN if there is none."""
    values = column.to_numpy()
    values = values[np.isfinite(values)]
    return float(values.max()) if len(values) else np.nan


def judge(evidence: Evidence) -> Verdict:
    """Look at what labels cannot change first, at relabelled parameters last."""
    if evidence.chains["solution"].to_numpy().max() > 0:
        return Verdict.DIFFERENT_SOLUTIONS
    if evidence.moved or np.isnan(evidence.r_hat):
        return Verdict.NOT_MIXED
    if evidence.separation < SEPARATELY_IDENTIFIED:
        return Verdict.COMPONENTS_OVERLAP
    r_hat = max(evidence.r_hat, evidence.relabelled_r_hat)
    if r_hat > R_HAT_LIMIT or evidence.ess < FEWEST_EFFECTIVE:
        return Verdict.NOT_MIXED
    if evidence.switch_rate > 0:
        return Verdict.LABELS_RESOLVED
    return Verdict.CHAINS_AGREE


def say(verdict: Verdict, evidence: Evidence) -> str:
    """Return the verdict with its numbers."""
    return _SENTENCES[verdict](evidence) + _divergences(evidence) + _caution(evidence)


def _divergences(evidence: Evidence) -> str:
    n = int(evidence.chains["n_divergences"].to_numpy().sum())
    if n == 0:
        return ""
    return f" {n:,} draw{'s' * (n > 1)} diverged, near which draws may be missing."


def _caution(evidence: Evidence) -> str:
    if not evidence.approximate:
        return ""
    return (
        " These are independent draws from an approximation: that they agree does not "
        "tell how good it is. Compare with NUTS."
    )


def _agree(evidence: Evidence) -> str:
    alone = len(evidence.chains) == 1
    who = "The halves of the only chain agree" if alone else "The chains agree"
    return f"{who}, and no labels switched: {_numbers(evidence)}."


def _resolved(evidence: Evidence) -> str:
    return (
        f"Labels switched in {evidence.switch_rate:.1%} of the draws and were "
        f"resolved: {_numbers(evidence)}."
    )


def _different(evidence: Evidence) -> str:
    best, *others = [chains for _, chains in evidence.chains.groupby("solution")]
    first = best["log_likelihood"].mean()
    rest = []
    for chains in others:
        mean = chains["log_likelihood"].mean()
        side = "lower" if mean <= first else "higher"
        gap = f"{abs(first - mean):.1f} {side}"
        rest.append(f"{_chain_names(chains)} at {mean:.1f} ({gap})")
    return (
        f"The chains found different solutions: {_chain_names(best)} at a mean "
        f"log-likelihood of {first:.1f}; {'; '.join(rest)}. Relabelling cannot mend "
        "this."
    )


def _chain_names(chains: pd.DataFrame) -> str:
    names = ", ".join(map(str, chains.index))
    return f"chain{'s' * (len(chains) > 1)} {names}"


def _overlap(evidence: Evidence) -> str:
    return (
        "Components overlap and are not separately identified: two of them differ by "
        f"{evidence.separation:.1f} posterior standard deviations at most, and "
        f"relabelling is {evidence.confidence:.0%} sure; {_numbers(evidence)}."
    )


def _not_mixed(evidence: Evidence) -> str:
    return f"The chains have not mixed: {_numbers(evidence)}. Draw more."


_SENTENCES = {
    Verdict.CHAINS_AGREE: _agree,
    Verdict.LABELS_RESOLVED: _resolved,
    Verdict.DIFFERENT_SOLUTIONS: _different,
    Verdict.COMPONENTS_OVERLAP: _overlap,
    Verdict.NOT_MIXED: _not_mixed,
}


def _numbers(evidence: Evidence) -> str:
    if np.isnan(evidence.r_hat):
        return "there are too few different draws for R-hat"
    return (
        f"R-hat is at most {evidence.r_hat:.3f} for label-invariant quantities and "
        f"{evidence.relabelled_r_hat:.3f} for relabelled parameters, and at least "
        f"{evidence.ess:.0f} draws are effective"
    )


def describe_optima(optima: pd.DataFrame | None) -> str:
    """Say how many optima there are: chains that start at one cannot see the others."""
    if optima is None:
        return "no EM restarts are known, so chains may share one optimum unawares"
    if optima.empty:
        return "no EM restart converged, so its estimate and the chains' start are poor"
    if len(optima) == 1:
        found = "all EM restarts that converged found one optimum"
    else:
        scores = optima["log_likelihood"].to_numpy()
        gap = scores[0] - scores[1]
        found = (
            f"EM restarts found {len(optima)} distinct optima, the second "
            f"{abs(gap):.2f} {'below' if gap >= 0 else 'above'} the best in "
            "log-likelihood"
        )
    spurious = int(optima["spurious"].to_numpy().sum()) if "spurious" in optima else 0
    return found + _spurious(spurious, of=len(optima))


def _spurious(n: int, of: int) -> str:
    """Say how many optima have a component on too few rows; they are listed last."""
    if n == 0:
        return ""
    which = f"{n} of them" if n < of else "every one, the best too,"
    return f"; {which} with a component on too few rows to be a group"
