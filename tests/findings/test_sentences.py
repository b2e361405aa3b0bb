"""What the sentence on overall impact says when nothing was significant."""

import pytest

from analysis.findings.analyse import answers


@pytest.mark.parametrize(("seeds", "warned"), [(3, True), (30, False)])
def test_no_significant_drop_does_not_read_as_no_drop(seeds: int, warned: bool) -> None:
    tables = {
        "significance": [{"test": "paired", "largest_before": 0.95, "first_drop": None, "note": ""}],
        "overall": [
            {"sparsity": 0.0, "seeds": seeds, "map_mean": 0.3},
            {"sparsity": 0.95, "seeds": seeds, "map_mean": 0.08},
        ],
        "classes": [],
        "frequency": [
            {"quantity": "impact", "method": "spearman", "estimate": None, "note": "not estimable"}
        ],
        "relations": [
            {
                "variant": "true",
                "with": "iou",
                "method": "spearman",
                "estimate": None,
                "note": "not estimable",
            }
        ],
        "representation": [],
    }
    words = answers(tables)["overall"]
    assert "goes from 30.0 % to 8.0 % at 95 %" in words
    assert ("miss all but the plainest drops" in words) is warned
