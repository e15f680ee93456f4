"""The order of the families, from draws of their members and not from their letters."""

import itertools

import numpy as np
import pytest

from bayesgmm.contains import contains, largest_within, simple_first
from bayesgmm.covariances import FAMILIES

NAMES = [family.mclust_name for family in FAMILIES.values()]


def member(name, rng):
    """Return three covariances in the plane, made as the letters say."""
    volume, shape, axes = name
    volumes = rng.uniform(0.5, 2, 3) if volume == "V" else np.full(3, rng.uniform(1, 2))
    ratios = {
        "I": np.ones(3),
        "E": np.full(3, rng.uniform(2, 3)),
        "V": rng.uniform(2, 5, 3),
    }[shape]
    angles = {
        "I": np.zeros(3),
        "E": np.full(3, rng.uniform(0.2, 0.6)),
        "V": rng.uniform(0.2, 0.6, 3),
    }[axes]
    turned = np.array(
        [[np.cos(angles), -np.sin(angles)], [np.sin(angles), np.cos(angles)]]
    )
    turned = np.moveaxis(turned, -1, 0)
    shapes = np.stack([ratios, 1 / ratios], axis=1)
    return (
        volumes[:, None, None] * (turned * shapes[:, None, :]) @ turned.swapaxes(1, 2)
    )


def has(name, covariances):
    """Tell whether the family's estimate gives its own members back."""
    family = next(f for f in FAMILIES.values() if f.mclust_name == name)
    counts = np.array([3.0, 4.0, 5.0])
    estimated = family.estimate(counts[:, None, None] * covariances, counts)
    return np.allclose(estimated, covariances, rtol=1e-6)


@pytest.mark.parametrize("larger", NAMES)
def test_a_family_contains_those_whose_members_it_has(larger):
    rng = np.random.default_rng(1)
    for smaller in NAMES:
        assert contains(larger, smaller) == has(larger, member(smaller, rng)), smaller


def test_simple_ones_come_first():
    order = simple_first(NAMES)
    assert sorted(order) == sorted(NAMES)
    for early, late in itertools.combinations(order, 2):
        assert not contains(early, late)


def test_largest_within_leaves_out_what_others_contain():
    assert set(largest_within("VVV", NAMES)) == {"VVE", "VEV", "EVV"}
    assert set(largest_within("VVI", NAMES)) == {"VEI", "EVI"}
    assert largest_within("VVV", ["EII", "EEE", "VVV"]) == ["EEE"]
    assert largest_within("EII", NAMES) == []
