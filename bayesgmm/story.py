"""What an analysis has to tell, as sentences and small tables: one source for all.

The plain text, the console and the report show these, so they cannot differ.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesgmm.confident import ambiguous_rows
from bayesgmm.dims import CHAIN, COMPONENT, DRAW
from bayesgmm.naming import (
    SURE,
    component_name,
    format_estimate,
    format_number,
    format_share,
    format_shares,
    free_parameters,
    parameter_name,
)
from bayesgmm.story_checks import (
    is_misfit,
    say_choice,
    say_misfit,
    say_trouble,
    write_chains,
    write_checks,
    write_facts,
    write_predictive,
    write_selection,
)
from bayesgmm.story_groups import (
    INTERVAL,
    portraits,
    write_columns,
    write_contrasts,
    write_groups,
    write_stability,
)
from bayesgmm.validation import Table
from bayesgmm.verdict import Verdict

N_DOUBTFUL = 10
# Named in the title; and shown of rows in doubt, the most telling ones.
N_FEATURES, N_TELLING = 5, 3
TONES = {
    Verdict.CHAINS_AGREE: "good",
    Verdict.LABELS_RESOLVED: "good",
    Verdict.COMPONENTS_OVERLAP: "careful",
    Verdict.DIFFERENT_SOLUTIONS: "bad",
    Verdict.FAULTY_CHAINS: "bad",
    Verdict.NOT_MIXED: "bad",
    Verdict.ROUGH: "careful",
}


@dataclass(frozen=True, slots=True, eq=False)
class Story:
    """The parts of an analysis in the order in which they are told.

    Attributes
    ----------
    title : str
    verdict, advice, tone : str
        The verdict in a few words, the sentence that says what to do with it, and
        one of "good", "careful" and "bad".
    headlines : list of str
        What else to know before anything is made of the groups.
    portraits : dict of str
        A sentence on every group.
    groups : pandas.DataFrame
        Tables hold strings, ready to be shown.
    columns : pandas.DataFrame
    contrasts : pandas.DataFrame or None
        None for a single group, and for very many.
    choice : str or None
    selection : pandas.DataFrame or None
    agreement : str
    comparison : pandas.DataFrame
    certainty : str
    doubtful : pandas.DataFrame
    steadiness : list of str
    stability : pandas.DataFrame or None
    misfit : str
    predictive : pandas.DataFrame
    checks, chains : pandas.DataFrame
    facts : dict of str
        What the sampler and the restarts of EM met.
    command : str
        The call that gives the same again.
    made : dict of str
        Sizes, versions and seconds.
    priors : str
    """

    title: str
    verdict: str
    advice: str
    tone: str
    headlines: list[str]
    portraits: dict[str, str]
    groups: pd.DataFrame
    columns: pd.DataFrame
    contrasts: pd.DataFrame | None
    choice: str | None
    selection: pd.DataFrame | None
    agreement: str
    comparison: pd.DataFrame
    certainty: str
    doubtful: pd.DataFrame
    steadiness: list[str]
    stability: pd.DataFrame | None
    misfit: str
    predictive: pd.DataFrame
    checks: pd.DataFrame
    chains: pd.DataFrame
    facts: dict[str, str]
    command: str
    made: dict[str, str]
    priors: str


def tell(analysis: Any) -> Story:
    """Collect what an `Analysis` has to tell."""
    diagnosis, stability = analysis.diagnosis, analysis.stability
    selection = analysis.selection
    return Story(
        title=_title(analysis),
        verdict=diagnosis.verdict.name.replace("_", " ").capitalize(),
        advice=diagnosis.sentence,
        tone=_tone(analysis),
        headlines=_headlines(analysis),
        portraits=portraits(analysis.profile, analysis.membership),
        groups=write_groups(analysis.profile),
        columns=write_columns(analysis.columns),
        contrasts=write_contrasts(analysis.profile),
        choice=_choice(analysis),
        selection=None if selection is None else write_selection(selection),
        agreement=_agreement(analysis.comparison),
        comparison=_comparison(analysis.comparison.table),
        certainty=_certainty(analysis.membership),
        doubtful=_doubtful(analysis),
        steadiness=[] if stability is None else stability.sentences,
        stability=None if stability is None else write_stability(stability),
        misfit=say_misfit(analysis.check),
        predictive=write_predictive(analysis.check),
        checks=write_checks(diagnosis),
        chains=write_chains(diagnosis),
        facts=write_facts(diagnosis),
        command=_command(analysis),
        made=_made(analysis),
        priors=str(analysis.priors),
    )


def _title(analysis) -> str:
    data: Table = analysis.data
    n_components = analysis.em.parameters_.n_components
    groups = f"{n_components} group{'s' * (n_components != 1)}"
    features = ", ".join(data.feature_names[:N_FEATURES])
    if data.n_features > N_FEATURES:
        features += f" and {data.n_features - N_FEATURES} more features"
    return f"{groups} in {data.n_observations:,} rows of {features}"


def _tone(analysis) -> str:
    """Return the tone of the verdict; good only if fit, groups and model are, too."""
    tone, stability = TONES[analysis.diagnosis.verdict], analysis.stability
    doubts = (
        bool(_trouble(analysis)),
        stability is not None and bool(stability.lost),
        is_misfit(analysis.check),
    )
    return "careful" if tone == "good" and any(doubts) else tone


def _trouble(analysis) -> list[str]:
    return say_trouble(analysis.em, analysis.diagnosis.optima)


def _headlines(analysis) -> list[str]:
    stability = analysis.stability
    said = [*_trouble(analysis), say_misfit(analysis.check)]
    if analysis.em.parameters_.n_components == 1:
        return said
    again = [] if stability is None else [stability.headline]
    return [*said, *again, _certainty(analysis.membership)]


def _choice(analysis) -> str | None:
    if analysis.selection is None:
        return None
    return say_choice(analysis.selection, analysis.em.parameters_.n_components)


def _agreement(comparison: Any) -> str:
    n_rows, n_moved = len(comparison.observations), comparison.n_moved
    return (
        f"EM and the posterior put {n_rows - n_moved:,} of {n_rows:,} rows into the "
        "same group."
    )


def _comparison(table: pd.DataFrame) -> pd.DataFrame:
    rows = {}
    contents: Any = free_parameters(table).to_dict("index")
    for index, row in contents.items():
        spread = row["sd"]
        values = (row[name] for name in ("mean", "sd", "lower", "upper"))
        # Adding zero after rounding leaves no minus before a zero.
        difference = round(row["standardised_difference"], 2) + 0.0
        rows[parameter_name(index)] = {
            "EM": format_number(row["em"], spread),
            f"posterior [{INTERVAL}]": format_estimate(*values),
            "difference in sd": f"{difference:+.2f}",
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def _certainty(membership: xr.Dataset) -> str:
    best = membership["probability"].max(COMPONENT).values
    n_doubtful = int((best < SURE).sum())
    of_all = f"{n_doubtful:,} of {len(best):,} rows"
    return f"Less than {SURE:.0%} sure of their group: {of_all}."


def _doubtful(analysis) -> pd.DataFrame:
    """Return the rows whose likeliest group is least certain."""
    table = ambiguous_rows(analysis.membership, below=1.0).head(N_DOUBTFUL)
    best = analysis.membership["probability"].max(COMPONENT).values
    places = np.argsort(best, kind="stable")[: len(table)]  # names may repeat
    shares = table[["probability", "lower", "upper"]].to_numpy()
    written = {
        **_values(analysis.described.take(places), analysis.columns.index[:N_TELLING]),
        "likeliest": [component_name(k) for k in table["likeliest"]],
        f"probability [{INTERVAL}]": [format_shares(*row) for row in shares],
        "else": [component_name(k) for k in table["second"]],
        "from unknown parameters": [format_share(x) for x in table["parameter_share"]],
    }
    return pd.DataFrame(written, pd.Index(table.index.map(str), name="row"))


def _values(data: Table, columns: Iterable[str]) -> dict[str, list[str]]:
    """Write some columns of the data."""
    chosen = {name: data.values[:, data.feature_names.index(name)] for name in columns}
    return {
        name: ["—" if np.isnan(x) else f"{x:.6g}" for x in values]
        for name, values in chosen.items()
    }


def _command(analysis) -> str:
    settings = {**analysis.settings, "random_seed": analysis.random_seed}
    given = [f"{name}={value!r}" for name, value in settings.items()]
    if analysis.described is not analysis.data:
        given.append("describe=columns")
    return f"bayesgmm.fit(X, {', '.join(given)})"


def _made(analysis) -> dict[str, str]:
    sizes = analysis.posterior["posterior"].sizes
    versions = (f"{name} {x}" for name, x in analysis.versions.items())
    seconds = (f"{stage} {s:.1f}" for stage, s in analysis.seconds.items())
    return {
        "data": f"{analysis.data.n_observations:,} rows, "
        f"{analysis.data.n_features:,} features",
        "draws": f"{sizes[DRAW]:,} of each of {sizes[CHAIN]} chains",
        "versions": ", ".join(versions),
        "seconds": ", ".join(seconds),
    }
