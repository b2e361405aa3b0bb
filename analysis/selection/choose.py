"""From a run to the images that will be read: exemplars, a sample of them, their controls, the balance.

A case may have several views: the images of one study, such as PA and LATERAL, or CURRENT and PRIOR.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import pandas as pd

from analysis import frames
from analysis.selection import covariates
from analysis.selection.criteria import SelectionError
from analysis.selection.exemplars import Exemplars, find_in_run
from analysis.selection.matching import Nearest, match_controls
from analysis.selection.sampling import DRAWS, Draw, draw_exemplars, draw_sample, sample_weights
from analysis.selection.store import Run
from analysis.vocabulary import is_prior

FINE = ("pearson", "jensen-shannon")
"""Criteria by the scores themselves rather than their order: images are hardly ever equal."""

ESTIMANDS: Mapping[str, str] = {
    "random": (
        "Random controls: how PIEs as they are found differ from other images of the test split. Part of a "
        "difference may come from PIEs being rarer in their classes, with more diseases, or of another view."
    ),
    "matched": (
        "Matched controls: how PIEs differ from other images of the test split that are alike in {keys}. "
        "What PIEs owe to these is removed, and PIEs without a match are not part of the comparison."
    ),
}


@dataclass(frozen=True)
class SelectionSpec:
    """Every choice of a selection; the defaults are the published criterion with matched controls.

    `condition` is compared with `reference`; both are names or shares, blank as `analysis.conditions.pair_of` has it.

    `draw` says how exemplars are drawn (`analysis.selection.sampling.DRAWS`). `size` is the number of exemplars to
    draw (None: all). `controls` is `matched` or `random`; exact keys,
    nearest keys and calipers count for matched ones only. `views`: a case has the images of one study with these views
    or roles (two or more, the first that is no prior chooses it); none: a case has one image.
    """

    criterion: str = "spearman"
    condition: str | float = ""
    reference: str | float = ""
    fraction: float = 0.05
    size: int | None = None
    draw: Draw = "simple"
    seed: int = 0
    controls: Literal["matched", "random"] = "matched"
    ratio: int = 1
    exact: tuple[str, ...] = ("view", "n_findings")
    nearest: tuple[Nearest, ...] = (Nearest("age"), Nearest("sex"), Nearest(covariates.LOG_FREQUENCY))
    caliper: float | None = None
    distinct_patients: bool = True
    views: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse an unknown way to draw, a key (score, arm) that is no property of the image, and one view alone."""
        if len(self.views) == 1 or len(set(self.views)) < len(self.views):
            raise SelectionError(
                f"expected two or more views of a case, or none, got {', '.join(self.views)}"
            )
        if self.draw not in DRAWS:
            raise SelectionError(f"expected exemplars drawn {', '.join(DRAWS)}; got {self.draw!r}")
        for name in (*self.exact, *(key.column for key in self.nearest)):
            if name not in covariates.MATCHABLE:
                raise SelectionError(
                    f"expected keys of {', '.join(covariates.MATCHABLE)}; '{name}' cannot be matched on"
                )

    def settings(self) -> dict[str, Any]:
        """Return the choices without the seed, as JSON: safe for anyone who must not rebuild the selection."""
        common = {
            "criterion": self.criterion, "condition": self.condition, "reference": self.reference,
            "fraction": self.fraction, "drawn": DRAWS[self.draw], "size": self.size, "controls": self.controls,
            "ratio": self.ratio, "distinct_patients": self.distinct_patients,
            **({"views": list(self.views)} if self.views else {}),
        }  # fmt: skip
        if self.controls == "random":
            return common
        nearest = [{"column": k.column, "weight": k.weight, "caliper": k.caliper} for k in self.nearest]
        return common | {"exact": list(self.exact), "nearest": nearest, "caliper": self.caliper}

    @property
    def estimand(self) -> str:
        """What a comparison of the two arms estimates, in words."""
        keys = ", ".join((*self.exact, *(key.column for key in self.nearest))) or "nothing"
        return ESTIMANDS[self.controls].format(keys=keys)


@dataclass(frozen=True)
class Selection:
    """The chosen images and how they were chosen.

    Attributes
    ----------
    spec: the choices.
    rows: frames.SELECTION, exemplars and controls; of a case of several views, all of them.
    exemplars: all images by agreement.
    left_out: image, reason: drawn exemplars without enough controls, images passed over in drawing them.
    balance: see `balance_table`.
    pool: number of images that controls could come from.
    weights: exemplars, drawn ones and weight by class group; see `sample_weights`.
    """

    spec: SelectionSpec
    rows: pd.DataFrame
    exemplars: Exemplars
    left_out: pd.DataFrame
    balance: pd.DataFrame
    pool: int
    weights: pd.DataFrame
    notes: tuple[str, ...] = field(default=())


def select(
    run: Run, spec: SelectionSpec, excluded: Mapping[str, str] | None = None,
    taken_out: Mapping[str, str] | None = None,
) -> Selection:  # fmt: skip
    """Find the exemplars of a run, draw a sample of them and give them controls.

    Controls come from the images with a score that are not exemplars, drawn or not.

    Parameters
    ----------
    excluded: images that may be in neither arm, with the reason; they are listed in `left_out`.
    taken_out: chosen images that somebody took out, with the reason: each goes with its whole matched set, and
        nothing takes their place.

    Raises
    ------
    SelectionError: the run cannot serve it (no such condition, no metadata for a key, too few images).
    """
    pair = dict(zip(("reference", "condition"), run.pair(spec.condition, spec.reference), strict=True))
    spec = replace(spec, condition=pair["condition"], reference=pair["reference"])
    found = find_in_run(run, criterion=spec.criterion, fraction=spec.fraction, **pair)
    table = covariates.covariate_table(run.images, run.classes).merge(
        found.ranked, on="image", validate="1:1"
    )
    if spec.views:
        table = table[table["image"].isin(chosen_by(run, spec.views))]
    selection = select_from(table, found, spec, excluded or {}, taken_out or {})
    return replace(selection, rows=with_views(selection.rows, run, spec.views))


def select_from(
    table: pd.DataFrame, found: Exemplars, spec: SelectionSpec, excluded: Mapping[str, str],
    taken_out: Mapping[str, str],
) -> Selection:  # fmt: skip
    """Draw and match from a table of the images with a score: image, covariates, score, exemplar."""
    if spec.controls not in ESTIMANDS:
        raise SelectionError(f"expected controls of {', '.join(ESTIMANDS)}; got {spec.controls!r}")
    if spec.distinct_patients:
        blank = covariates.is_blank(
            covariates.require(table, "patient", "keeping images of one patient apart")
        )
        table = table[~blank]
    all_pies = table[table["exemplar"]]
    table = table[~table["image"].isin(excluded)]
    pool = table[~table["exemplar"]]
    rank = {name: number for number, name in enumerate(found.images)}
    pies = table[table["exemplar"]].sort_values("image", key=lambda names: names.map(rank), ignore_index=True)
    sample = draw_exemplars(
        list(pies["image"]), spec.size, spec.draw, strata=list(pies["class_group"]), seed=spec.seed,
        patients=_patients(pies, spec),
    )  # fmt: skip
    drawn = pies.set_index("image").loc[sample.images].reset_index()
    if drawn.empty:
        raise SelectionError(
            f"expected at least one exemplar, but {spec.fraction} of {len(table)} images selects none"
        )
    sets, unmatched = _controls(drawn, pool, spec)
    sets, removed = _without(sets, taken_out)
    rows = _rows(table, sets)
    chosen = {arm: table[table["image"].isin(rows.loc[rows["arm"] == arm, "image"])] for arm in (0, 1)}
    columns = [name for name in ("view", "sex", "age") if name in table.columns]
    columns += ["n_findings", "class_group", covariates.LOG_FREQUENCY]
    balance = covariates.balance_table(drawn, pool, chosen[1], chosen[0], columns)
    barred = pd.DataFrame(sorted({**excluded, **removed}.items()), columns=["image", "reason"], dtype=str)
    left_out = pd.concat([sample.passed_over, unmatched, barred], ignore_index=True)
    weights = sample_weights(list(all_pies["class_group"]), list(all_pies["image"].isin(drawn["image"])))
    notes = (
        *_tie_notes(found, spec),
        *_notes(found, balance, unmatched, drawn),
        *_drawing_notes(spec, weights, found),
        *([f"{len(removed)} chosen image(s) were taken out by hand, with their sets."] if removed else []),
    )
    return Selection(spec, rows, found, left_out, balance, len(pool), weights, notes)


def _patients(frame: pd.DataFrame, spec: SelectionSpec) -> list[str] | None:
    return [str(patient) for patient in frame["patient"]] if spec.distinct_patients else None


Sets = dict[str, tuple[int, int]]
"""Arm and number of the matched set of each chosen image; one that is not matched is its own set."""


def _controls(drawn: pd.DataFrame, pool: pd.DataFrame, spec: SelectionSpec) -> tuple[Sets, pd.DataFrame]:
    """Choose the controls; return the sets and the exemplars that lack controls, with the reason."""
    if spec.controls == "random":
        wanted, patients = spec.ratio * len(drawn), _patients(pool, spec)
        taken = _patients(drawn, spec) or []
        sample = draw_sample(
            list(pool["image"]), wanted, seed=spec.seed, stream=1, patients=patients, taken=taken
        )
        images = [(image, 1) for image in drawn["image"]] + [(image, 0) for image in sample.images]
        sets = {str(image): (arm, number) for number, (image, arm) in enumerate(images)}
        return sets, sample.passed_over.iloc[:0]
    matching = match_controls(
        drawn, pool, exact=spec.exact, nearest=spec.nearest, ratio=spec.ratio, caliper=spec.caliper,
        distinct_patients=spec.distinct_patients, seed=spec.seed,
    )  # fmt: skip
    numbers = {image: number for number, image in enumerate(dict.fromkeys(matching.pairs["exemplar"]))}
    if not numbers:
        raise SelectionError(
            "expected at least one matched exemplar, got none: fewer keys or a wider caliper may help; "
            f"first reason: {matching.unmatched['reason'].iloc[0]}"
        )
    exemplars: Sets = {image: (1, number) for image, number in numbers.items()}
    controls = zip(matching.pairs["control"], matching.pairs["exemplar"], strict=True)
    return exemplars | {control: (0, numbers[exemplar]) for control, exemplar in controls}, matching.unmatched


def _without(sets: Sets, taken_out: Mapping[str, str]) -> tuple[Sets, dict[str, str]]:
    """Take images out with their whole sets; return what is left, and each image that went with the reason."""
    gone = {sets[image][1]: reason for image, reason in taken_out.items() if image in sets}
    removed = {image: taken_out.get(image, f"of the set of: {gone[pair]}")
               for image, (_, pair) in sets.items() if pair in gone}  # fmt: skip
    kept = {image: place for image, place in sets.items() if image not in removed}
    if len({arm for arm, _ in kept.values()}) < len({arm for arm, _ in sets.values()}):
        raise SelectionError("expected cases of both groups to be left; take fewer out, or draw again")
    return kept, removed


def _rows(table: pd.DataFrame, sets: Sets) -> pd.DataFrame:
    places = pd.DataFrame.from_dict(sets, orient="index", columns=["arm", "pair"])
    chosen = table.merge(places, left_on="image", right_index=True)
    chosen = chosen[[name for name in frames.SELECTION.names if name in chosen.columns]]
    ordered = chosen.sort_values(["pair", "arm", "image"], ascending=[True, False, True], ignore_index=True)
    return frames.check_table(ordered, frames.SELECTION)


def _notes(
    found: Exemplars, balance: pd.DataFrame, unmatched: pd.DataFrame, drawn: pd.DataFrame
) -> tuple[str, ...]:
    """Say in sentences what anyone who uses the selection should know."""
    notes = []
    if len(found.undefined):
        notes.append(f"{len(found.undefined)} image(s) have no score and are in neither arm.")
    if len(unmatched):
        notes.append(f"{len(unmatched)} of {len(drawn)} drawn exemplars have no matched controls.")
    off = balance[balance["unbalanced"]]
    if len(off):
        names = ", ".join(f"{row.covariate} {row.level}".strip() for row in off.itertuples())
        notes.append(f"Not balanced (|SMD| > 0.1): {names}.")
    return tuple(notes)


MANY_TIED = 0.2
"""Images at the cut, as a share of the exemplars, from which another criterion is proposed (judgement)."""


def _tie_notes(found: Exemplars, spec: SelectionSpec) -> tuple[str, ...]:
    if found.tied.empty:
        return ()
    order = "an order drawn at random" if found.drawn else "order of image name"
    said = (
        f"The cut goes through {len(found.tied)} images with equal scores {found.cut:.6g}: "
        f"{int(found.tied['exemplar'].sum())} were included, in {order}."
    )
    few = len(found.tied) >= MANY_TIED * len(found.images) and spec.criterion not in FINE
    finer = (
        f"'{spec.criterion}' has few values with so few classes; {' or '.join(FINE)}, by the scores themselves, "
        "tell more images apart."
    )
    return (said, finer) if few else (said,)


def _drawing_notes(spec: SelectionSpec, weights: pd.DataFrame, found: Exemplars) -> tuple[str, ...]:
    notes = []
    if len(found.images) < found.wanted:
        notes.append(
            f"Only {len(found.images)} of {found.wanted} wanted exemplars: all other images agree fully."
        )
    if spec.draw == "top" and spec.size is not None:
        notes.append(
            "The exemplars are those of lowest agreement: what is found does not extend to all PIEs of the run."
        )
    if spec.draw == "stratified":
        shown = weights[weights["drawn"] > 0].itertuples()
        words = ", ".join(f"{row.stratum} {row.weight:.2f} ({row.drawn} of {row.exemplars})" for row in shown)
        notes.append(
            f"Drawn equally from the class groups. An exemplar represents this many in its group: {words}. "
            "Unweighted results describe the groups in equal parts, not all PIEs."
        )
    return tuple(notes)


def views_of_studies(images: pd.DataFrame, views: Sequence[str]) -> pd.DataFrame:
    """Return the image of each view (columns) of each study that has exactly one of each.

    The role of an image counts, where the data set says it, before its view.

    Raises
    ------
    SelectionError: the run does not say study and view of its images, or no study has all these views.
    """
    told = images.reindex(columns=["image", "study", "view", "role"], fill_value="")
    told["view"] = told["role"].where(told["role"] != "", told["view"])
    if missing := [name for name in ("study", "view") if (told[name] == "").all()]:
        raise SelectionError(
            f"cases of the views {', '.join(views)} need the column {' and '.join(missing)} of the run's images; "
            "give metadata with it, or leave the views out: then a case has one image"
        )
    known = told[(told["study"] != "") & told["view"].isin(views)]
    alone = known[~known.duplicated(["study", "view"], keep=False)]
    whole = alone.pivot(index="study", columns="view", values="image").reindex(columns=list(views)).dropna()
    if whole.empty:
        raise SelectionError(
            f"expected studies with one image each of the views {', '.join(views)}, got none; the run has "
            f"{', '.join(sorted(set(told['view']) - {''}))}"
        )
    return whole


def chosen_by(run: Run, views: Sequence[str]) -> pd.Series:
    """Return the images with whose scores cases of these views are chosen: by the first view that is no prior."""
    first = next((view for view in views if not is_prior(view)), views[0])
    own = run.views.set_index("image", drop=False)
    return own.get("case", own["image"])[views_of_studies(run.views, views)[first]]


def with_views(rows: pd.DataFrame, run: Run, views: Sequence[str]) -> pd.DataFrame:
    """Put all views of its study in the place of each chosen image: rows of frames.SELECTION with case and role."""
    if not views:
        return rows
    whole = views_of_studies(run.views, views)
    own = run.views.reindex(columns=["image", "study", "view"]).set_index("image")
    made = [
        {**row, "case": row["image"], "image": image, "view": own["view"][image], "role": view}
        for row in rows.to_dict("records")
        for view, image in whole.loc[own["study"][row["image"]]].items()
    ]
    return pd.DataFrame(made)
