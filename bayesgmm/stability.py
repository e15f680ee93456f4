"""How far a choice among mixtures depends on the sample and on chance."""

from collections import Counter

import numpy as np
import pandas as pd

from bayesgmm.grid import Searched
from bayesgmm.progress import track
from bayesgmm.scores import KEY, judge, rank


def count_choices(
    grid: Searched,
    criterion: str,
    n_repeats: int,
    seed: int,
    resample: bool,
    progress: bool,
) -> pd.DataFrame:
    """Repeat a search, and count which cell a criterion of the table prefers."""
    streams = np.random.SeedSequence((seed, n_repeats)).spawn(n_repeats)
    choices = (_choose(grid, criterion, stream, resample) for stream in streams)
    tracked = track(choices, n_repeats, "Repeating the selection", progress)
    counts = Counter(choice for choice in tracked if choice is not None)
    table = pd.DataFrame([(*key, n) for key, n in counts.most_common()])
    table.columns = [*KEY, "chosen"]
    return table.assign(share=table["chosen"] / n_repeats)


def _choose(grid, criterion, stream, resample):
    rng = np.random.default_rng(stream)
    seed = int(rng.integers(2**31))
    if resample:
        grid = grid.resample(rng)
    ranked = rank(judge(grid, criterion, seed)[1], criterion)
    return None if ranked.empty else tuple(ranked[KEY].iloc[0])
