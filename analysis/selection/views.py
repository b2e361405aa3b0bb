"""Cases of several views: the images of one study, such as PA and LATERAL, whose first view is what is chosen."""

from collections.abc import Sequence

import pandas as pd

from analysis.selection.criteria import SelectionError


def views_of_studies(images: pd.DataFrame, views: Sequence[str]) -> pd.DataFrame:
    """Return the image of each view (columns) of each study that has exactly one of each.

    Raises
    ------
    SelectionError: the run does not say study and view of its images, or no study has all these views.
    """
    if missing := [name for name in ("study", "view") if name not in images.columns]:
        raise SelectionError(
            f"cases of the views {', '.join(views)} need the column {' and '.join(missing)} of the run's images; "
            "give metadata with it, or leave the views out: then a case has one image"
        )
    known = images[(images["study"].fillna("").astype(str) != "") & images["view"].isin(views)]
    alone = known[~known.duplicated(["study", "view"], keep=False)]
    whole = alone.pivot(index="study", columns="view", values="image").reindex(columns=list(views)).dropna()
    if whole.empty:
        raise SelectionError(
            f"expected studies with one image each of the views {', '.join(views)}, got none"
        )
    return whole


def with_views(rows: pd.DataFrame, images: pd.DataFrame, views: Sequence[str]) -> pd.DataFrame:
    """Put the other views of its study behind each chosen image: rows of frames.SELECTION with case and role."""
    if not views:
        return rows
    others = views_of_studies(images, views).set_index(views[0], drop=False)
    made = [
        {**row, "case": row["image"], "image": others.loc[row["image"], view], "view": view, "role": view}
        for row in rows.to_dict("records")
        for view in views
    ]
    return pd.DataFrame(made)
