"""The names of dimensions, in models, draws and results alike."""

CHAIN, DRAW = "chain", "draw"
COMPONENT, COMPONENT_BIS = "component", "component_bis"
FEATURE, FEATURE_BIS = "feature", "feature_bis"
AXIS, PAIR, OBSERVATION = "axis", "feature_pair", "obs_id"
# Where the number of components is drawn: a group, its dimension, and a variable.
SIZE, N_COMPONENTS, N_FILLED = "size", "n_components", "n_filled"

SAMPLE_DIMS = (CHAIN, DRAW)
# What every posterior of a mixture holds, whatever sampled it.
DIMS = {
    "weights": (COMPONENT,),
    "means": (COMPONENT, FEATURE),
    "covariances": (COMPONENT, FEATURE, FEATURE_BIS),
}
# What is kept beside the data where labels are known, or there is noise.
ALLOWED, NOISE_CORNER, NOISE_EDGES = "allowed", "noise_corner", "noise_edges"
NOISE_WEIGHT = "noise_weight"
