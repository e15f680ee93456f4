"""Which covariance family contains which, as sets of mixtures of one size.

A letter of mclust's names says what components may have of their own: I nothing, the
ball or the features as axes; E what all share; V each its own. A family contains
another if no letter of it allows less.
"""

from collections.abc import Collection

from bayesgmm.covariances import covariance_family

_ALLOWS = {"I": 0, "E": 1, "V": 2}


def _freedoms(covariance_type):
    letters = covariance_family(covariance_type).mclust_name
    return [_ALLOWS[letter] for letter in letters]


def contains(larger: str, smaller: str) -> bool:
    """Tell whether every mixture of the family `smaller` is one of `larger`."""
    pairs = zip(_freedoms(larger), _freedoms(smaller), strict=True)
    return all(more >= less for more, less in pairs)


def freedom(name: str) -> int:
    """Count how much a family allows: more than any that it contains."""
    return sum(_freedoms(name))


def simple_first(names: Collection[str]) -> list[str]:
    """Return families so that each comes after all that it contains."""
    return sorted(names, key=freedom)


def largest_within(name: str, names: Collection[str]) -> list[str]:
    """Return those of `names` that a family contains, without what they contain."""
    within = [other for other in names if other != name and contains(name, other)]
    return [
        some
        for some in within
        if not any(other != some and contains(other, some) for other in within)
    ]
