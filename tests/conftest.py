"""Shared fixtures."""

import json
import signal
from pathlib import Path

import numpy as np
import pytest
import synthetic

GOLDEN = Path(__file__).parent / "golden"
IMAGES = Path(__file__).parents[1] / "notebooks" / "data"


# Shells start what runs in the background with interrupts ignored; tests send them.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def golden():
    """Return a reader of the trusted answers in `tests/golden`."""
    return lambda name: json.loads((GOLDEN / name).read_text())


@pytest.fixture(scope="session")
def cases(golden):
    """Return optima of relabelling by brute force."""
    return golden("label_switching.json")["cases"]


@pytest.fixture(scope="session")
def switching():
    """Return a posterior of three groups, its labels shuffled, and the truth."""
    rng, three = np.random.default_rng(0), synthetic.THREE_GROUPS
    X = synthetic.observations(three, 60, rng)
    clean = [synthetic.perturbed(three, 30, rng) for _ in range(2)]
    shuffles = [synthetic.random_permutations(30, 3, rng) for _ in clean]
    pairs = zip(clean, shuffles, strict=True)
    shuffled = [synthetic.switched(chain, p) for chain, p in pairs]
    return synthetic.tree(X, shuffled), synthetic.tree(X, clean), np.array(shuffles)


@pytest.fixture
def pictures():
    """Draw without a screen, and close what pyplot opened."""
    import matplotlib as mpl
    from matplotlib import pyplot

    mpl.use("Agg")
    yield
    pyplot.close("all")


@pytest.fixture
def ax(pictures):  # noqa: ARG001
    """Return axes of a figure that pyplot does not know."""
    from matplotlib.figure import Figure

    return Figure().add_subplot()
