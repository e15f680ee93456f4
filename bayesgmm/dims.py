"""The names of dimensions, in models, draws and results alike; and of odd labels."""

CHAIN, DRAW = "chain", "draw"
COMPONENT, COMPONENT_BIS = "component", "component_bis"
FEATURE, FEATURE_BIS = "feature", "feature_bis"
AXIS, PAIR = "axis", "feature_pair"
OBSERVATION, OBSERVATION_BIS, ROW_PAIR = "obs_id", "obs_id_bis", "pair"
PARTITION, BOUND = "partition", "bound"
COLUMN, STATISTIC = "column", "statistic"
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

# Labels of rows that are of no component, and of those to which no label is given.
NOISE, UNDECIDED = -1, -2
NOISE_NAME, UNDECIDED_NAME = "noise", "undecided"
