"""The names of dimensions, in models, draws and results alike."""

CHAIN, DRAW = "chain", "draw"
COMPONENT, FEATURE, FEATURE_BIS = "component", "feature", "feature_bis"
AXIS, PAIR, OBSERVATION = "axis", "feature_pair", "obs_id"

SAMPLE_DIMS = (CHAIN, DRAW)
# What every posterior of a mixture holds, whatever sampled it.
DIMS = {
    "weights": (COMPONENT,),
    "means": (COMPONENT, FEATURE),
    "covariances": (COMPONENT, FEATURE, FEATURE_BIS),
}
