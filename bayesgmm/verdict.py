"""The verdict on a posterior: what it is made from, and how it is said."""

from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
import pandas as pd

from bayesgmm.importance import GOOD_K

R_HAT_LIMIT = 1.05
"""Above it chains have not mixed; 1.01 is the aim (Vehtari et al. 2021), which the
highest of many R-hats of good chains of a few hundred draws can miss."""

FEWEST_EFFECTIVE = 100
"""With fewer effective draws the error of a posterior mean exceeds a tenth of its sd,
and ends of intervals are guesses; 400 is the aim (Vehtari et al. 2021)."""

SEPARATELY_IDENTIFIED = 3.0
"""A mean, variance or correlation must differ between two components by so many sds.

Folding a symmetric posterior at its centre, as relabelling does where components are
exchangeable, gives 1.3; in simulations components of one group were below 2.2, those of
two groups above 14.
"""


class Verdict(Enum):
    """What the draws are good for, in a sentence that says what to do with them."""

    CHAINS_AGREE = "Use the posterior as it is."
    LABELS_RESOLVED = "Use the relabelled posterior."
    DIFFERENT_SOLUTIONS = (
        "Relabelling cannot mend this: compare their log-densities, and start more "
        "chains from more optima."
    )
    COMPONENTS_OVERLAP = (
        "Read densities and memberships rather than single components, or fit fewer "
        "of them."
    )
    NOT_MIXED = "Draw more before anything is read off the draws."
    ROUGH = "Take them as a sketch of the posterior, and compare with NUTS."


@dataclass(frozen=True, slots=True, eq=False)
class Diagnosis:
    """A verdict on a posterior, and the numbers behind it.

    Attributes
    ----------
    verdict : Verdict
    sentence : str
        The verdict with its numbers.
    invariants : pandas.DataFrame
        ``mean``, ``sd``, ``r_hat``, ``ess_bulk`` and ``ess_tail`` of quantities that
        no label switching touches.
    parameters : pandas.DataFrame
        The same of the relabelled weights, means and covariances; empty where their
        number was drawn.
    chains : pandas.DataFrame
        By chain: mean ``log_likelihood`` and ``lp`` (where there is one), the
        ``solution`` that it found, 0 the one of highest log-likelihood, its
        ``switch_rate`` and ``n_divergences``.
    switch_rate : float
        Share of draws whose labels are not in the commonest order.
    confidence : float
        Mean confidence of relabelling, from 0 to 1.
    separation : float
        The least number of posterior sds by which two components differ in the feature
        that tells them apart best; infinite for one component.
    moved : bool
        Whether a single chain went from one solution to another.
    approximate : bool
        Whether the draws are of an approximation to the posterior.
    pareto_k : float
        Of its importance weights: how good it is. NaN if nobody computed it.
    optima : pandas.DataFrame or None
        The distinct optima that the restarts of the EM fit found. Chains that start at
        one of them cannot see the others.
    n_optima : int or None
    n_divergences : int
    r_hat, relabelled_r_hat : float
        The highest of the invariants and of the relabelled parameters.
    ess : float
        The lowest bulk ESS of the invariants.
    """

    invariants: pd.DataFrame
    parameters: pd.DataFrame
    chains: pd.DataFrame
    switch_rate: float
    confidence: float
    separation: float
    moved: bool = False
    approximate: bool = False
    pareto_k: float = np.nan
    optima: pd.DataFrame | None = None

    @property
    def verdict(self) -> Verdict:
        """What the draws are good for."""
        return judge(self)

    @property
    def sentence(self) -> str:
        """The verdict with its numbers."""
        return say(self)

    @property
    def n_optima(self) -> int | None:
        """How many distinct optima the EM restarts found; None without an EM fit."""
        return None if self.optima is None else len(self.optima)

    @property
    def n_divergences(self) -> int:
        """How many draws diverged."""
        return int(self.chains["n_divergences"].to_numpy().sum())

    @property
    def r_hat(self) -> float:
        """The highest R-hat of the invariants."""
        return _highest(self.invariants["r_hat"])

    @property
    def relabelled_r_hat(self) -> float:
        """The highest R-hat of the relabelled parameters."""
        return _highest(self.parameters["r_hat"])

    @property
    def ess(self) -> float:
        """The lowest bulk ESS of the invariants."""
        return -_highest(-self.invariants["ess_bulk"])

    def __str__(self) -> str:
        table = pd.concat(
            {"label-invariant": self.invariants, "relabelled": self.parameters}
        )
        worst = table.groupby(level=0, sort=False).agg(
            {"r_hat": "max", "ess_bulk": "min", "ess_tail": "min"}
        )
        parts = [
            self.sentence,
            worst.to_string(float_format="{:.4g}".format),
            self.chains.to_string(float_format="{:.4g}".format),
            f"{self.n_divergences} divergences; {describe_optima(self.optima)}",
        ]
        return "\n".join(parts)


def _highest(column: Any) -> float:
    """Return the highest number, infinity too; NaN if there is none."""
    return float(column.max())


def judge(diagnosis: Diagnosis) -> Verdict:
    """Look at what labels cannot change first, at relabelled parameters last."""
    if diagnosis.pareto_k > GOOD_K:
        return Verdict.ROUGH
    if diagnosis.chains["solution"].to_numpy().max() > 0:
        return Verdict.DIFFERENT_SOLUTIONS
    if diagnosis.moved or np.isnan(diagnosis.r_hat):
        return Verdict.NOT_MIXED
    if diagnosis.separation < SEPARATELY_IDENTIFIED:
        return Verdict.COMPONENTS_OVERLAP
    if _is_short(diagnosis) or diagnosis.relabelled_r_hat > R_HAT_LIMIT:
        return Verdict.NOT_MIXED
    if diagnosis.switch_rate > 0:
        return Verdict.LABELS_RESOLVED
    return Verdict.CHAINS_AGREE


def _is_short(diagnosis: Diagnosis) -> bool:
    """Tell whether even what labels cannot change is not known well yet."""
    return diagnosis.r_hat > R_HAT_LIMIT or diagnosis.ess < FEWEST_EFFECTIVE


def say(diagnosis: Diagnosis) -> str:
    """Return the verdict with its numbers."""
    found = _SENTENCES[diagnosis.verdict](diagnosis) + _divergences(diagnosis)
    return f"{found} {_advice(diagnosis)}"


def _divergences(diagnosis: Diagnosis) -> str:
    n = diagnosis.n_divergences
    if n == 0:
        return ""
    return f" {n:,} draw{'s' * (n > 1)} diverged, near which draws may be missing."


def _advice(diagnosis: Diagnosis) -> str:
    if not diagnosis.approximate or diagnosis.verdict is Verdict.ROUGH:
        return diagnosis.verdict.value
    if diagnosis.pareto_k <= GOOD_K:
        return (
            f"Pareto k-hat of the approximation is {diagnosis.pareto_k:.2f}, at most "
            f"{GOOD_K}: it is close to the posterior. "
            f"{diagnosis.verdict.value}"
        )
    return (
        "These are independent draws from an approximation: that they agree does not "
        "tell how good it is. Compare with NUTS."
    )


def _agree(diagnosis: Diagnosis) -> str:
    alone = len(diagnosis.chains) == 1
    who = "The halves of the only chain agree" if alone else "The chains agree"
    labels = "" if diagnosis.parameters.empty else ", and no labels switched"
    return f"{who}{labels}: {_numbers(diagnosis)}."


def _resolved(diagnosis: Diagnosis) -> str:
    return (
        f"Labels switched in {diagnosis.switch_rate:.1%} of the draws and were "
        f"resolved: {_numbers(diagnosis)}."
    )


def _different(diagnosis: Diagnosis) -> str:
    best, *others = [chains for _, chains in diagnosis.chains.groupby("solution")]
    first = best["log_likelihood"].to_numpy().mean()
    rest = []
    for chains in others:
        mean = chains["log_likelihood"].to_numpy().mean()
        side = "lower" if mean <= first else "higher"
        gap = f"{abs(first - mean):.1f} {side}"
        rest.append(f"{_chain_names(chains)} at {mean:.1f} ({gap})")
    return (
        f"The chains found different solutions: {_chain_names(best)} at a mean "
        f"log-likelihood of {first:.1f}; {'; '.join(rest)}."
    )


def _chain_names(chains: pd.DataFrame) -> str:
    names = ", ".join(map(str, chains.index))
    return f"chain{'s' * (len(chains) > 1)} {names}"


def _overlap(diagnosis: Diagnosis) -> str:
    found = (
        "Components overlap and are not separately identified: two of them differ by "
        f"{diagnosis.separation:.1f} posterior standard deviations at most, and "
        f"relabelling is {diagnosis.confidence:.0%} sure; {_numbers(diagnosis)}."
    )
    if _is_short(diagnosis):
        found += " The chains have not mixed either: draw more first."
    return found


def _rough(diagnosis: Diagnosis) -> str:
    return f"The draws are rough: {describe_roughness(diagnosis.pareto_k)}."


def describe_roughness(pareto_k: float) -> str:
    """Say how far an approximation is from the posterior."""
    return (
        f"Pareto k-hat is {pareto_k:.2f}, and above {GOOD_K} not even importance "
        "weights mend them"
    )


def _not_mixed(diagnosis: Diagnosis) -> str:
    return f"The chains have not mixed: {_numbers(diagnosis)}."


_SENTENCES = {
    Verdict.CHAINS_AGREE: _agree,
    Verdict.LABELS_RESOLVED: _resolved,
    Verdict.DIFFERENT_SOLUTIONS: _different,
    Verdict.COMPONENTS_OVERLAP: _overlap,
    Verdict.NOT_MIXED: _not_mixed,
    Verdict.ROUGH: _rough,
}


def _numbers(diagnosis: Diagnosis) -> str:
    if np.isnan(diagnosis.r_hat):
        return "there are too few different draws for R-hat"
    relabelled = (
        ""
        if diagnosis.parameters.empty
        else f" and {diagnosis.relabelled_r_hat:.3f} for relabelled parameters"
    )
    return (
        f"R-hat is at most {diagnosis.r_hat:.3f} for label-invariant quantities"
        f"{relabelled}, and at least {diagnosis.ess:.0f} draws are effective"
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
