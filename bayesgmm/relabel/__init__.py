"""Resolve label switching: one permutation a draw, applied to everything at once."""

from bayesgmm.relabel.agreement import relabelling_agreement
from bayesgmm.relabel.identity import align_to, rename
from bayesgmm.relabel.methods import METHODS, relabel
from bayesgmm.relabel.permute import unrelabel

__all__ = [
    "METHODS",
    "align_to",
    "relabel",
    "relabelling_agreement",
    "rename",
    "unrelabel",
]
