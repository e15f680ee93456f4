"""How often what a posterior says of labels holds in samples whose labels are known.

    python -m benchmarks.membership_coverage [n_samples]

The mixtures are those of `benchmarks.coverage` in two features. Posteriors are drawn by
Gibbs under the default priors, and components are named after the truth by ECR.
Intervals are said to hold 90 %: the probability that each row has under the true
parameters (also of rows in doubt alone, where it is under 90 % for both components),
and, of the first component, the number of its rows, their mean in the first feature,
the mean of the population, and their mean in a column that was not fitted and differs
between components by one of its standard deviations. Labels are given where at most 5 %
are expected to be wrong; the last column is the share of wrong ones among all that were
given in all samples.

Stars mark coverages that are further from 90 % than Monte Carlo errors of as many
samples explain. Were all exact, there would be any star with the probability
`FALSE_ALARM`, over the whole table.
"""

import sys

import numpy as np
import pandas as pd
from scipy.special import stdtrit

import bayesgmm as bg
from benchmarks.coverage import draw, mixture

N_SAMPLES = 120
SIZES = (100, 500, 2000)
DISTANCES = {"apart": 6.0, "overlapping": 2.0}
SURE, HELD, FALSE_ALARM = 0.9, 0.9, 0.05
SETTINGS = {"method": "gibbs", "draws": 250, "tune": 250, "chains": 2}
BY_ROW = ("memberships", "in doubt")
BY_SAMPLE = ("rows", "mean", "mean, population", "mean of another column")
COLUMNS = (*BY_ROW, *BY_SAMPLE, "labelled", "wrong of these")


def judge(truth, n, seed):
    """Return by name what holds in one sample; NaN where there is none to count."""
    rng = np.random.default_rng([seed, n, round(truth.means[1, 0])])
    X, labels = draw(truth, n, rng)
    posterior = bg.sample(X, 2, random_seed=seed, progress=False, **SETTINGS)
    posterior = bg.relabel(posterior, method="ecr", reference=truth)
    found = bg.membership(posterior)
    covered, doubtful = memberships(truth, X, found)
    counted = (
        covered.mean(),
        covered[doubtful].mean() if doubtful.any() else np.nan,
        *profiles(truth, X, labels, posterior, rng),
        *decisions(found, labels),
    )
    return dict(zip(COLUMNS, counted, strict=True))


def memberships(truth, X, found):
    """Tell which intervals hold the true probability, and which rows are in doubt."""
    p = bg.GaussianMixture.from_parameters(truth).predict_proba(X)
    inside = (found["probability_lower"] <= p) & (p <= found["probability_upper"])
    return inside.values.all(axis=1), p.max(axis=1) < SURE


def profiles(truth, X, labels, posterior, rng):
    mine = labels == 0
    other = labels + rng.standard_normal(len(labels))
    data = np.column_stack([X[:, 0], other])
    rows = bg.profile(posterior, data).table.loc[0]
    everybody = bg.profile(posterior, data, population=True).table.loc[0]
    yield holds(rows.loc[("size", "")], mine.sum())
    yield holds(rows.loc[("mean", "x0")], X[mine, 0].mean())
    yield holds(everybody.loc[("mean", "x0")], truth.means[0, 0])
    yield holds(rows.loc[("mean", "x1")], other[mine].mean())


def holds(row, true):
    rounding = 1e-9 * (1 + abs(true))
    return row["lower"] - rounding <= true <= row["upper"] + rounding


def decisions(found, labels):
    """Return the shares of rows that were given a label, and a wrong one."""
    decided = bg.confident_labels(found, error_rate=0.05)
    sure = decided["decided"].values
    wrong = (decided["label"].values != labels) & sure
    return sure.mean(), wrong.mean()


def write(samples, n_tests):
    """Write the cells of one line of the table."""
    means, counts = samples.mean(), samples.count()  # of those that are not NaN
    sd = samples[list(COLUMNS)].std()
    sd[list(BY_SAMPLE)] = np.sqrt(HELD * (1 - HELD))
    quantile = stdtrit(counts - 1, 1 - FALSE_ALARM / n_tests / 2)
    far = quantile * sd / np.sqrt(counts)
    stars = (abs(means - HELD) > far) & means.index.isin((*BY_ROW, *BY_SAMPLE))
    means["wrong of these"] /= means["labelled"]
    return [
        "—" if np.isnan(mean) else f"{100 * mean:.1f}" + "*" * bool(star)
        for mean, star in zip(means, stars, strict=True)
    ]


def main(n_samples=N_SAMPLES):
    n_tests = len(DISTANCES) * len(SIZES) * len(BY_ROW + BY_SAMPLE)
    print(f"| groups | n | {' | '.join(COLUMNS)} |")
    print("|---|---|" + "---|" * len(COLUMNS))
    for name, distance in DISTANCES.items():
        for n in SIZES:
            found = [judge(mixture(distance), n, seed) for seed in range(n_samples)]
            cells = write(pd.DataFrame(found).astype(float), n_tests)
            print(f"| {name} | {n} | {' | '.join(cells)} |", flush=True)
    one = 100 * np.sqrt(HELD * (1 - HELD) / n_samples)
    print(
        f"{n_samples} samples; one interval has a standard error of {one:.1f} points."
    )
    print(f"*: not 90 %; if all were, any star had probability {FALSE_ALARM:.0%}.")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
