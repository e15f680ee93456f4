"""Our grid of mixtures beside mclust's, data set by data set.

Run `python -m benchmarks.mclust > docs/mclust.md`.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd

import bayesgmm as bg

GOLDEN = Path(__file__).parents[1] / "tests" / "golden" / "mclust_selection.json"
NAMES = ("faithful", "iris", "diabetes", "penguins", "galaxies", "acidity")
HEAD = """\
# mclust's grid and ours

Made by `python -m benchmarks.mclust > docs/mclust.md`. BIC in mclust's sign, higher is
better: 1 to 9 components, every family, default settings, `random_state=0`. mclust
6.0.0 in R 4.2.2; its numbers are in `tests/golden/mclust_selection.json`.

A difference above 0 is ours ahead. "--": mclust has no fit. "x": every run of ours
collapsed. "s": spurious, a component rests on just the rows that its covariance needs.
Both may end in local optima; where we are behind, mclust's start was the better one.

Nesting: the most by which a model ends below one that it contains, in log-likelihood.
"""


def main():
    """Print the page."""
    mclust = json.loads(GOLDEN.read_text())
    print(HEAD)
    pages, summary = [], []
    for name in NAMES:
        selection = bg.select(bg.datasets.load(name), random_state=0, progress=False)
        theirs = pd.DataFrame(mclust[name]["bic"], index=range(1, 10), dtype=float)
        ours = selection.to_mclust()[list(theirs)]
        summary.append(_summary(name, selection, mclust[name], ours, theirs))
        pages.append(_page(name, selection, ours, theirs))
    print(_markdown(pd.DataFrame(summary).set_index("data")))
    print("\n".join(pages))


def _summary(name, selection, mclust, ours, theirs):
    row = {"data": name}
    for criterion in ("bic", "icl"):
        table = pd.DataFrame(mclust[criterion], index=range(1, 10), dtype=float)
        row[f"mclust, {criterion.upper()}"] = _best(table, table.stack().idxmax())
        place = selection.choose(criterion)
        wide = selection.to_mclust(criterion)
        row[f"ours, {criterion.upper()}"] = _best(wide, place)
    gap = ours - theirs
    row["cells ahead by 0.01"] = int((gap > 0.01).sum().sum())
    row["behind by 0.01"] = int((gap < -0.01).sum().sum())
    row["nesting, mclust"] = f"{_violation(_log_likelihoods(mclust)):.2g}"
    row["nesting, ours"] = f"{_violation(_found(selection)):.2g}"
    return row


def _best(table, place):
    return f"{place[1]}, {place[0]}: {table.loc[place]:.3f}"


def _found(selection):
    return selection.table.pivot(
        index="n_components", columns="covariance_type", values="log_likelihood"
    )


def _log_likelihoods(mclust):
    return pd.DataFrame(mclust["loglik"], index=range(1, 10), dtype=float)


def _violation(table):
    """Return the most that a model is below one that it contains."""
    from bayesgmm.contains import contains

    return max(
        np.nanmax(np.maximum.accumulate(table[small].fillna(-np.inf)) - table[large])
        for small in table
        for large in table
        if contains(large, small)
    )


def _page(name, selection, ours, theirs):
    state = selection.table.set_index(["n_components", "covariance_type"])
    cells = pd.DataFrame(index=theirs.columns, columns=theirs.index, dtype=object)
    for size in theirs.index:
        for family in theirs:
            found = state.loc[(size, family)]
            cells.loc[family, size] = _cell(
                ours.loc[size, family], theirs.loc[size, family], found["spurious"]
            )
    return f"\n## {name}\n\nmclust's BIC, and what ours is above it.\n\n" + _markdown(
        cells.rename_axis("family")
    )


def _cell(our, their, spurious):
    left = "--" if np.isnan(their) else f"{their:.1f}"
    if np.isnan(our):
        return f"{left} x"
    right = f"{our:.1f}" if np.isnan(their) else f"{our - their:+.2f}"
    return f"{left} {right}" + " s" * bool(spurious)


def _markdown(table):
    """Return a table in Markdown."""
    rows = [[table.index.name, *table.columns], ["---"] * (table.shape[1] + 1)]
    rows += [
        [index, *row] for index, row in zip(table.index, table.values, strict=True)
    ]
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in rows)


if __name__ == "__main__":
    main()
