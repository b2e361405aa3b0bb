"""What the results page says, in words and numbers."""

from typing import Any

from analysis.stats import Results
from readerstudy.study.models import Study


def report_context(study: Study, results: Results) -> dict[str, Any]:
    """Return the template's values."""
    return {"results": results}
