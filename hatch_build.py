"""What the wheel asks for is what requirements.txt names: versions are given once."""

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

HERE = Path(__file__).parent


def named(text: str) -> list[str]:
    """Return the requirements of a text without its comments."""
    return [line for line in (re.split(r"\s*#", each)[0] for each in text.splitlines()) if line]


class Requirements(MetadataHookInterface):
    """Reads the two parts of requirements.txt, and the optional packages among those of the tests."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Fill in what pyproject.toml calls dynamic."""
        analysis, site = (HERE / "requirements.txt").read_text(encoding="utf-8").split("# -- The site")
        tested = named((HERE / "requirements-dev.txt").read_text(encoding="utf-8"))
        metadata["dependencies"] = named(analysis)
        metadata["optional-dependencies"] = {
            "web": named(site.partition("\n")[2]),
            "timm": [line for line in tested if line.startswith("timm==")],
            "parquet": [line for line in tested if line.startswith("pyarrow==")],
            # torch as PyPI has it for Linux is the CUDA build and brings all that a GPU needs.
            "gpu": [line for line in named(analysis) if line.startswith("torch==")],
        }
