"""Verdicts in words, with their numbers."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from bayesgmm.importance import GOOD_K
from bayesgmm.verdict import Findings, Verdict, is_short, judge


def say(findings: Findings) -> str:
    """Return the verdict with its numbers."""
    verdict = judge(findings)
    found = _SENTENCES[verdict](findings) + _faults(findings) + _divergences(findings)
    return f"{found} {_advice(findings, verdict)}"


def _faults(findings: Findings) -> str:
    """Tell of chains that stand still, or repeat others."""
    chains = findings.chains
    frozen = chains["frozen"]
    parts = [
        f" Chain {chain} does not move in about {share:.0%} of its draws."
        for chain, share in frozen[(frozen > 0.0) & (frozen < 1.0)].items()
    ]
    return (
        _named(chains.index[frozen == 1.0], "does not move", "do not move")
        + "".join(parts)
        + _named(
            chains.index[chains["repeats"]],
            "repeats another, draw by draw",
            "repeat others, draw by draw",
        )
    )


def _divergences(findings: Findings) -> str:
    n = findings.n_divergences
    if n == 0:
        return ""
    return f" {n:,} draw{'s' * (n > 1)} diverged, near which draws may be missing."


def _advice(findings: Findings, verdict: Verdict) -> str:
    if not findings.approximate or verdict is Verdict.ROUGH:
        return verdict.value
    if findings.pareto_k <= GOOD_K:
        return (
            f"Pareto k-hat of the approximation is {findings.pareto_k:.2f}, at most "
            f"{GOOD_K}: it is close to the posterior. {verdict.value}"
        )
    return (
        "These are independent draws from an approximation: that they agree does not "
        "tell how good it is. Compare with NUTS."
    )


def _agree(findings: Findings) -> str:
    alone = len(findings.chains) == 1
    who = "The halves of the only chain agree" if alone else "The chains agree"
    labels = "" if findings.parameters.empty else ", and no labels switched"
    return f"{who}{labels}: {_numbers(findings)}."


def _resolved(findings: Findings) -> str:
    return (
        f"Labels switched in {findings.switch_rate:.1%} of the draws and were "
        f"resolved: {_numbers(findings)}."
    )


def _different(findings: Findings) -> str:
    best, *others = findings.solutions.itertuples()
    rest = []
    for solution in others:
        side = "lower" if solution.gap >= 0 else "higher"
        gap = f"{abs(solution.gap):.1f} {side}"
        who = _chain_names(solution.chains)
        rest.append(f"{who} at {solution.log_likelihood:.1f} ({gap})")
    return (
        f"The chains found different solutions: {_chain_names(best.chains)} at a mean "
        f"log-likelihood of {best.log_likelihood:.1f}; {'; '.join(rest)}."
    )


def _faulty(findings: Findings) -> str:
    chains = findings.chains
    which = chains.index[(chains["frozen"] > 0.0) | chains["repeats"]]
    what = "of the posterior"
    return _named(which, f"is no sample {what}", f"are no samples {what}").lstrip()


def _named(chains: pd.Index, one: str, several: str) -> str:
    """Say something of chains in a sentence of its own, or nothing of none."""
    if chains.empty:
        return ""
    named = _chain_names(chains)
    return f" C{named[1:]} {one if len(chains) == 1 else several}."


def _chain_names(chains: Iterable) -> str:
    names = list(map(str, chains))
    return f"chain{'s' * (len(names) > 1)} {', '.join(names)}"


def _overlap(findings: Findings) -> str:
    found = (
        "Components overlap and are not separately identified: two of them differ by "
        f"{findings.separation:.1f} posterior standard deviations at most, and "
        f"relabelling is {findings.confidence:.0%} sure; {_numbers(findings)}."
    )
    if is_short(findings):
        found += " The chains have not mixed either: draw more first."
    return found


def _rough(findings: Findings) -> str:
    return f"The draws are rough: {describe_roughness(findings.pareto_k)}."


def describe_roughness(pareto_k: float) -> str:
    """Say how far an approximation is from the posterior."""
    return (
        f"Pareto k-hat is {pareto_k:.2f}, and above {GOOD_K} not even importance "
        "weights mend them"
    )


def _not_mixed(findings: Findings) -> str:
    moved = findings.chains.index[findings.chains["moved"]]
    elsewhere = "elsewhere for a while, as if warm-up had been too short"
    return (
        f"The chains have not mixed: {_numbers(findings)}."
        f"{_named(moved, f'was {elsewhere}', f'were {elsewhere}')}"
    )


_SENTENCES = {
    Verdict.CHAINS_AGREE: _agree,
    Verdict.LABELS_RESOLVED: _resolved,
    Verdict.DIFFERENT_SOLUTIONS: _different,
    Verdict.FAULTY_CHAINS: _faulty,
    Verdict.COMPONENTS_OVERLAP: _overlap,
    Verdict.NOT_MIXED: _not_mixed,
    Verdict.ROUGH: _rough,
}


def _numbers(findings: Findings) -> str:
    if np.isnan(findings.r_hat):
        return "there are too few different draws for R-hat"
    relabelled = (
        ""
        if findings.parameters.empty
        else f" and {findings.relabelled_r_hat:.3f} for relabelled parameters"
    )
    return (
        f"R-hat is at most {findings.r_hat:.3f} for label-invariant quantities"
        f"{relabelled}, and at least {findings.ess:.0f} draws are effective"
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
        gap = optima["gap"].to_numpy()[1]
        found = (
            f"EM restarts found {len(optima)} distinct optima, the second "
            f"{abs(gap):.2f} {'below' if gap >= 0 else 'above'} the best in "
            "log-likelihood"
        )
    return found + _spurious(int(optima["spurious"].to_numpy().sum()), of=len(optima))


def _spurious(n: int, of: int) -> str:
    """Say how many optima have a component on too few rows; they are listed last."""
    if n == 0:
        return ""
    which = f"{n} of them" if n < of else "every one, the best too,"
    return f"; {which} with a component on too few rows to be a group"
