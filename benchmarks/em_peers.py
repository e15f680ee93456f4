"""One EM iteration against gmmx and pomegranate.

The same iteration of ours as against scikit-learn, on the same rows. gmmx has one
compiled step of EM from the same start, pomegranate `summarize` and `from_summaries`,
step after step; both in float32, where ours is in float64. They are processes of their
own that wait while ours works; medians of five. "Gap" is the most by which means differ
after the first step.
"""

from collections.abc import Iterator

import numpy as np

from bayesgmm.quadratics import build_quadratics, invert_cholesky
from benchmarks.asking import Setting, opened
from benchmarks.em_iteration import describe, iterate, make
from benchmarks.results import Row, by_time
from benchmarks.timing import in_turns, seconds

# observations, features, components, spread as of `em_iteration`
CASES = [(100_000, 2, 3, 1.5), (100_000, 10, 10, 1.5), (10_000, 32, 20, 1.5)]
QUICK = [(2_000, 2, 3, 1.5)]
ROUNDS = 5


def compare(setting: Setting) -> Iterator[Row]:
    rounds = 1 if setting.quick else ROUNDS
    for case in QUICK if setting.quick else CASES:
        X, weights, means, covariances = make(*case)
        told = {"X": X, "weights": weights, "means": means, "covariances": covariances}
        told["weights"] = weights / weights.sum()
        quadratics = build_quadratics(
            told["weights"], means, invert_cholesky(covariances)
        )
        new = iterate(X, quadratics).means
        with opened(setting.program, setting.peer, told) as ask:
            gap = np.abs(new - ask()["means"]).max()
            ours, theirs = in_turns(
                lambda: seconds(lambda: iterate(X, quadratics)),  # noqa: B023
                lambda: ask()["seconds"],
                rounds=rounds,
            )
        yield by_time(describe(*case[:3]), setting.peer, ours, theirs, gap=f"{gap:.0e}")


if __name__ == "__main__":
    from benchmarks.command import run_script

    run_script("em_peers")
