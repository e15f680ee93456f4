"""The comparisons there are: of what, with whom, and how long each takes."""

from typing import NamedTuple

from benchmarks.asking import Seek, in_python, in_r, nobody


class Comparison(NamedTuple):
    """One comparison.

    Attributes
    ----------
    name : str
        As `--only` takes it, and of the file with the result.
    peer : str
        Whom it is with.
    module : str
        Of this folder; its `compare` takes a `Setting` and yields rows, its docstring
        is the text on the page.
    seek : callable
        Finds the peer.
    minutes : float
        About how long it takes on two cores.
    """

    name: str
    peer: str
    module: str
    seek: Seek
    minutes: float


SCIKIT_LEARN = in_python("scikit-learn")

COMPARISONS = (
    Comparison("iteration", "scikit-learn", "em_iteration", SCIKIT_LEARN, 2),
    Comparison("gmmx", "gmmx", "em_peers", in_python("gmmx", "jax"), 1),
    Comparison(
        "pomegranate", "pomegranate", "em_peers", in_python("pomegranate", "torch"), 1
    ),
    Comparison("fit", "scikit-learn", "fit", SCIKIT_LEARN, 4),
    Comparison("segment", "scikit-learn", "segment", SCIKIT_LEARN, 4),
    Comparison("mclust", "mclust", "select", in_r("mclust"), 1),
    Comparison("pymc", "pm.Mixture", "posterior", in_python("pymc", "nutpie"), 8),
    Comparison("stan", "Stan", "samplers", in_python("pystan"), 6),
    Comparison("numpyro", "NumPyro", "samplers", in_python("numpyro", "jax"), 2),
    Comparison("scale", "", "scale", nobody, 3),
    Comparison("spark", "Spark MLlib", "spark", in_python("pyspark"), 5),
)
