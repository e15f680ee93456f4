"""Verdicts in words, with their numbers."""

from typing import Any

import numpy as np
import pandas as pd

from bayesgmm.importance import GOOD_K
from bayesgmm.verdict import Verdict, is_short


def say(diagnosis: Any) -> str:
    """Return the verdict with its numbers."""
    found = _SENTENCES[diagnosis.verdict](diagnosis) + _divergences(diagnosis)
    return f"{found} {_advice(diagnosis)}"


def _divergences(diagnosis: Any) -> str:
    n = diagnosis.n_divergences
    if n == 0:
        return ""
    return f" {n:,} draw{'s' * (n > 1)} diverged, near which draws may be missing."


def _advice(diagnosis: Any) -> str:
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


def _agree(diagnosis: Any) -> str:
    alone = len(diagnosis.chains) == 1
    who = "The halves of the only chain agree" if alone else "The chains agree"
    labels = "" if diagnosis.parameters.empty else ", and no labels switched"
    return f"{who}{labels}: {_numbers(diagnosis)}."


def _resolved(diagnosis: Any) -> str:
    return (
        f"Labels switched in {diagnosis.switch_rate:.1%} of the draws and were "
        f"resolved: {_numbers(diagnosis)}."
    )


def _different(diagnosis: Any) -> str:
    best, *others = diagnosis.solutions.itertuples()
    rest = []
    for solution in others:
        side = "lower" if solution.gap >= 0 else "higher"
        gap = f"{abs(solution.gap):.1f} {side}"
        who = _chain_names(solution.chains)
        rest.append(f"{who} at {solution.log_likelihood:.1f} ({gap})")
    return (
        f"The chains found different solutions: {_chain_names(best.chains)} at a mean "
        f"log-likelihood of {best.log_likelihood:.1f}; {'; '.join(rest)}."
        f"{_named(diagnosis, 'frozen', 'does not move', 'do not move')}"
    )


def _named(diagnosis: Any, what: str, one: str, several: str) -> str:
    """Name the chains of which something is so, in a sentence of its own."""
    chains = diagnosis.chains.index[diagnosis.chains[what]]
    if chains.empty:
        return ""
    found = f" {_chain_names(chains)} {one if len(chains) == 1 else several}."
    return f" {found[1].upper()}{found[2:]}"


def _chain_names(chains: Any) -> str:
    return f"chain{'s' * (len(chains) > 1)} {', '.join(map(str, chains))}"


def _overlap(diagnosis: Any) -> str:
    found = (
        "Components overlap and are not separately identified: two of them differ by "
        f"{diagnosis.separation:.1f} posterior standard deviations at most, and "
        f"relabelling is {diagnosis.confidence:.0%} sure; {_numbers(diagnosis)}."
    )
    if is_short(diagnosis):
        found += " The chains have not mixed either: draw more first."
    return found


def _rough(diagnosis: Any) -> str:
    return f"The draws are rough: {describe_roughness(diagnosis.pareto_k)}."


def describe_roughness(pareto_k: float) -> str:
    """Say how far an approximation is from the posterior."""
    return (
        f"Pareto k-hat is {pareto_k:.2f}, and above {GOOD_K} not even importance "
        "weights mend them"
    )


def _not_mixed(diagnosis: Any) -> str:
    elsewhere = "elsewhere for a while, as if warm-up had been too short"
    return (
        f"The chains have not mixed: {_numbers(diagnosis)}."
        f"{_named(diagnosis, 'moved', f'was {elsewhere}', f'were {elsewhere}')}"
    )


_SENTENCES = {
    Verdict.CHAINS_AGREE: _agree,
    Verdict.LABELS_RESOLVED: _resolved,
    Verdict.DIFFERENT_SOLUTIONS: _different,
    Verdict.COMPONENTS_OVERLAP: _overlap,
    Verdict.NOT_MIXED: _not_mixed,
    Verdict.ROUGH: _rough,
}


def _numbers(diagnosis: Any) -> str:
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
