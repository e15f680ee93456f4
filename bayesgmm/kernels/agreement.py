"""The largest set of rows that enough draws divide alike, grown a row at a time."""

import numpy as np

from bayesgmm.kernels.elementary import inner, serial


@serial
def grow_core(draws, n_labels, order, least):
    """Add rows to a set while at least `least` draws agree on its partition.

    Of all rows and clusters, old or new, the one comes next that most draws agree with;
    of equal ones the first in `order`.

    Parameters
    ----------
    draws : array of shape (n_draws, n_observations), int32
        Below `n_labels`.
    order : array of int, shape (n_observations,)
    least : int
        From 1 to the number of draws.

    Returns
    -------
    labels : array of shape (n_observations,), int32
        -1 for rows that are left out.
    n_agreeing : int
        Draws whose partition of the others is this one.
    """
    n_draws, n = draws.shape
    labels = np.full(n, -1, np.int32)
    agree = np.ones(n_draws, np.bool_)
    # The cluster that a label means in a draw; the last place is for none as yet.
    meaning = np.full((n_draws, n_labels), n_labels, np.int32)
    votes = np.zeros((n, n_labels + 1), np.int32)
    votes[:, n_labels] = n_draws
    n_clusters, n_agreeing = 0, n_draws
    while True:
        row, cluster = _most_votes(votes, labels, order, n_clusters)
        if row < 0 or votes[row, cluster] < least:
            return labels, n_agreeing
        n_agreeing -= _dismiss(draws, row, cluster, agree, meaning, votes)
        if cluster == n_labels:
            cluster = n_clusters
            n_clusters += 1
            _found(draws, row, cluster, agree, meaning, votes)
        labels[row] = cluster
        _join_all(votes, labels, n_clusters, n_agreeing)


@inner
def _most_votes(votes, labels, order, n_clusters):
    """Return the row outside and the cluster that most draws agree with."""
    none = votes.shape[1] - 1
    best, row, cluster = 0, -1, none
    for i in order:
        if labels[i] >= 0:
            continue
        for k in range(n_clusters):
            if votes[i, k] > best:
                best, row, cluster = votes[i, k], i, k
        if votes[i, none] > best:
            best, row, cluster = votes[i, none], i, none
    return row, cluster


@inner
def _dismiss(draws, row, cluster, agree, meaning, votes):
    """Take the votes from draws that have a row elsewhere; return how many."""
    gone = 0
    for t in range(len(draws)):
        if agree[t] and meaning[t, draws[t, row]] != cluster:
            agree[t] = False
            gone += 1
            for i in range(draws.shape[1]):
                votes[i, meaning[t, draws[t, i]]] -= 1
    return gone


@inner
def _found(draws, row, cluster, agree, meaning, votes):
    """Give a row's label in each draw the meaning of a new cluster."""
    none = votes.shape[1] - 1
    for t in range(len(draws)):
        if agree[t]:
            meaning[t, draws[t, row]] = cluster
            for i in range(draws.shape[1]):
                if draws[t, i] == draws[t, row]:
                    votes[i, none] -= 1
                    votes[i, cluster] += 1


@inner
def _join_all(votes, labels, n_clusters, n_agreeing):
    """Add all rows on whose cluster all draws agree: this costs no vote."""
    for i in range(len(labels)):
        for k in range(n_clusters):
            if labels[i] < 0 and votes[i, k] == n_agreeing:
                labels[i] = k
