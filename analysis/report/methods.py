"""What the analysis assumes, and how to redo it."""

import platform
from dataclasses import asdict
from importlib import metadata

from analysis.report.background import Background
from analysis.report.document import Block, Named, Points, Section, Text
from analysis.report.words import groups_of
from analysis.stats import Results

LIBRARIES = ("numpy", "scipy", "pandas", "matplotlib")

ASSUMPTIONS = (
    "Readers are a sample of the readers meant, and cases of each arm a sample of such cases; both "
    "vary. With few readers there are few degrees of freedom, whatever the number of cases.",
    "Readers did not know the arm and did not confer. A reader's answers depend on each other only "
    "through the reader, the case and the arm.",
    "What was not answered is missing completely at random, except cannot-assess, which is analysed separately.",
    "The t approximation holds: at the level of one in twenty the primary comparison rejected a true null in 3 "
    "to 6 of 100 simulated studies (docs/statistics.md).",
    "θ compares order only. It does not say by how much answers differ; the difference in points does, "
    "and treats the steps of the scale as equal.",
    "Random {others} differ from {ones} also in rarity and number of findings; matched {others} differ "
    "beyond what was matched. The report of the sealed key says which kind this study has "
    "(key.report.json), and in the Summary where the protocol says what is compared.",
    "With matched pairs the unpaired comparison is conservative: it rejects less often than its level.",
)

FORMULAS = (
    "θ = Σ s D / Σ D over readers r, {ones} i, {others} j; s = 1, ½ or 0 for a higher, equal or lower "
    "answer on the {one}; D = 1 where the reader answered both.",
    "z = (s − θ) D. Eight sums of products of z and of D: same or any reader, same or any {one}, same or "
    "any {other}; turned into sums over different indices U_k. M_k = U_k(z) / U_k(D), c_k = U_k(D) / "
    "(ΣD)², c_8 less 1; variance = Σ c_k M_k (Gallas 2006; Gallas and others 2009, eq. 19; centred).",
    "df = variance² / Σ a_X² / d_X³ over readers, {ones} and {others}, at least the smallest d_X (Gaylor "
    "and Hopper 1969). t = (θ − 0.5) / √variance, two-sided.",
    "Interval: expit(logit θ ± t √variance / (θ (1 − θ))).",
)
HOLM = "Holm (1979) over the primary p-values; a question without a p-value still counts."


def assumptions_section(results: Results) -> Section:
    """Return what must hold for the conclusions."""
    return Section("assumptions", "Assumptions and limits", (Points(_named(ASSUMPTIONS, results)),))


def _named(sentences: tuple[str, ...], results: Results) -> tuple[str, ...]:
    return tuple(sentence.format(**asdict(groups_of(results))) for sentence in sentences)


def methods_section(results: Results, background: Background) -> Section:
    """Return the formulas, settings, versions and digests behind the numbers."""
    study = results.study
    settings = [
        ("Random seed", str(study["seed"])),
        ("Relabellings of a permutation test", str(study["draws"])),
        ("Bootstrap samples", str(study["bootstraps"])),
        ("Versions", versions()),
    ]
    blocks: list[Block] = [
        Text(
            "Everything is recomputed from ratings.csv by: python manage.py analyse_ratings ratings.csv "
            "--like results.json --out again"
        ),
        Points(_named((*FORMULAS, HOLM) if study["multiplicity"] == "holm" else FORMULAS, results)),
        Named((*settings, *background.origin), background.codes),
    ]
    return Section("methods", "How to redo it", tuple(blocks))


def versions() -> str:
    """Return Python's and the libraries' versions in one line."""
    found = [f"{name} {metadata.version(name)}" for name in LIBRARIES]
    return ", ".join([f"Python {platform.python_version()}", *found])
