"""Cases of several views: the images of one study, such as PA and LATERAL, or CURRENT and PRIOR."""

from collections.abc import Sequence

import pandas as pd

from analysis.selection.criteria import SelectionError
from analysis.selection.store import Run
from analysis.vocabulary import is_prior


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
