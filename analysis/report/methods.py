"""What the analysis assumes, how to redo it, and where the report answers the items of GRRAS and CLAIM.

Kottner and others 2011, J Clin Epidemiol 64:96 (GRRAS, 15 items); Mongan, Moy and Kahn 2020, Radiol Artif Intell
2:e200029 (CLAIM, 42 items: the edition by whose numbers reviewers count). The items are in our own short words; the
originals decide.
"""

import platform
from dataclasses import asdict
from importlib import metadata

from analysis.report.comparison import by_sets
from analysis.report.document import Background, Block, Grid, Named, Points, Section, Text
from analysis.report.words import counts_alike, groups_of
from analysis.stats import Results

LIBRARIES = ("numpy", "scipy", "pandas", "matplotlib")

ASSUMPTIONS = (
    "Readers are a sample of the readers meant, and cases of each arm a sample of such cases; both "
    "vary. With few readers there are few degrees of freedom, whatever the number of cases.",
    "Readers did not know the arm and did not confer. A reader's answers depend on each other only "
    "through the reader, the case and the arm.",
    "What was not answered is missing completely at random, except cannot-assess, which is analysed separately.",
    "The t approximation holds: how often the primary comparison rejects a true null in simulated studies, and how "
    "often its interval covers, is tabled in docs/statistics.md.",
    "θ compares order only. It does not say by how much answers differ; the difference in points does, "
    "and treats the steps of the scale as equal.",
    "Random {others} differ from {ones} also in rarity and number of findings; matched {others} differ "
    "beyond what was matched. The report of the sealed key says which kind this study has "
    "(key.report.json), and in the Summary where the protocol says what is compared.",
    "With matched sets the unmatched comparison is conservative: it rejects less often than its level.",
)

FORMULAS = (
    "θ = Σ w s D / Σ w D over readers r, {ones} i, {others} j; s = 1, ½ or 0 for a higher, equal or lower "
    "answer on the {one}; D = 1 where the reader answered both; w = %s.",
    "z = w (s − θ) D. Eight sums of products of z and of w D: same or any reader, same or any {one}, same or "
    "any {other}; turned into sums over different indices U_k. M_k = U_k(z) / U_k(w D), c_k = U_k(w D) / "
    "(Σ w D)², c_8 less 1; variance = Σ c_k M_k (Gallas 2006; Gallas and others 2009, eq. 19; centred).",
    "df = variance² / Σ a_X² / d_X³ over readers, {ones} and {others}, at least the smallest d_X (Gaylor "
    "and Hopper 1969).",
)
SETS = (
    "Matched sets: h(reader, set) is the mean, over the {others} of the set that the reader answered, of 1, ½ or 0 "
    "for a higher, equal or lower answer on the {one}. θ = the mean over readers of their mean h. z = w (h − θ), w = "
    "1 / the reader's number of sets; four sums of products of z and of w: same or any reader, same or any set. Turned "
    "into sums over different indices they give variance and degrees of freedom as for unmatched cases.",
)
TEST = (
    "p and interval on one scale: with g = arcsin √θ and e = √variance / (2 √(θ (1 − θ))), p is that of "
    "(g − π/4) / e in Student's t, two-sided, and the interval is sin² of g ± t e. So the interval leaves out 0.5 "
    "exactly where p is below the level.",
)
MARGIN = (
    "Margins: the difference in natural units against the margin by one-sided t-tests with its own variance, which for "
    "yes or no is what it would be at the margin if that is larger (after Farrington and Manning 1990). Equivalence: "
    "the larger of both p-values, interval at 1 − 2 alpha (Schuirmann 1987). Non-inferiority: the one on the "
    "unfavourable side, doubled, interval at 1 − alpha (ICH E9).",
)
BEFORE = (
    "t = (θ − 0.5) / √variance, two-sided.",
    "Interval: expit(logit θ ± t √variance / (θ (1 − θ))).",
)
"""Test and interval of studies locked with version 1 or 2 of the analysis."""

SEVERAL_FORMULAS = {
    "holm": ("Holm (1979) over the primary p-values; a question without a p-value still counts.",),
    "fixed sequence": (
        "Fixed sequence: a question's p in the sequence is the largest up to its own; one without a p-value ends it.",
    ),
    "none": (),
}


def assumptions_section(results: Results) -> Section:
    """Return what must hold for the conclusions."""
    return Section("assumptions", "Assumptions and limits", (Points(_named(ASSUMPTIONS, results)),))


def _named(sentences: tuple[str, ...], results: Results) -> tuple[str, ...]:
    return tuple(sentence.format(**asdict(groups_of(results))) for sentence in sentences)


def methods_section(results: Results, background: Background) -> Section:
    """Return the formulas, settings, versions and digests behind the numbers."""
    study = results.study
    own = counts_alike(results)
    formulas = (
        FORMULAS[0] % ("1 / the reader's ΣD" if own else "1"),
        *FORMULAS[1:],
        *(SETS if by_sets(results) else ()),
        *(TEST if own else BEFORE),
        *(MARGIN if any(row.get("margin") for row in results.comparisons) else ()),
    )
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
        Points(_named((*formulas, *SEVERAL_FORMULAS[study["multiplicity"]]), results)),
        Named((*settings, *background.origin), background.codes),
    ]
    return Section("methods", "How to redo it", tuple(blocks))


def versions() -> str:
    """Return Python's and the libraries' versions in one line."""
    found = [f"{name} {metadata.version(name)}" for name in LIBRARIES]
    return ", ".join([f"Python {platform.python_version()}", *found])


AUTHORS = "For the authors"


RUN = "Sweep: provenance.json of the run"


GRRAS = (
    (
        "1",
        "Title or abstract names agreement between or within readers",
        "For the authors; numbers: Agreement",
    ),
    ("2", "What is rated and with which instrument", "Protocol"),
    ("3", "Population of subjects", "Protocol; How to redo it"),
    ("4", "Population of readers", "For the authors; number and course: Flow"),
    ("5", "What is known already, and why the study", AUTHORS),
    (
        "6",
        "How the sample size was chosen; planned readers, cases, repeats",
        "Protocol (planned numbers); reasons: for the authors",
    ),
    ("7", "Sampling", "Summary (what is compared); How to redo it (case set)"),
    ("8", "Rating process: order, interval of repeats, information given, blinding", "Protocol"),
    ("9", "Whether ratings were independent", "Protocol; Assumptions and limits"),
    ("10", "Statistical analysis", "How to redo it; Agreement"),
    ("11", "Actual readers, cases and repeats", "Flow"),
    ("12", "Characteristics of readers and cases", "For the authors (readers); Subgroups (cases)"),
    ("13", "Estimates with their uncertainty", "Agreement"),
    ("14", "Practical relevance", AUTHORS),
    ("15", "Detailed results", "Export: results.json, tables, ratings.csv"),
)


CLAIM = (
    ("1", "Title: names the technology", AUTHORS),
    ("2", "Structured summary", "Summary"),
    ("3", "Background and intended use", AUTHORS),
    ("4", "Objectives and hypotheses", "Summary; Protocol"),
    ("5", "Prospective or retrospective", "Protocol: locked before reading; images: for the authors"),
    ("6", "Goal of the study", "Summary"),
    ("7", "Sources of data", "How to redo it; " + RUN),
    ("8", "Eligibility", RUN),
    ("9", "Preprocessing", "Protocol (window); " + RUN),
    ("10", "Subsets of data", "How to redo it (case set)"),
    ("11", "Definition of data elements", "Export: data_dictionary.csv"),
    ("12", "De-identification", "Images are stored as pixels under random keys (docs/blinding.md)"),
    ("13", "Missing data", "What was not answered"),
    ("14", "Reference standard", "The data set's labels; question 1 asks about them"),
    ("15", "Why this reference standard", AUTHORS),
    ("16", "Annotators and their qualification", "Flow (numbers); for the authors"),
    ("17", "Annotation tool", "Protocol"),
    ("18", "Variability between and within annotators", "Agreement"),
    ("19", "Sample size", "Protocol (planned numbers); reasons: for the authors"),
    ("20", "Partitions of the data", RUN),
    ("21", "Level at which partitions are apart", RUN),
    ("22", "Model", RUN),
    ("23", "Software and versions", "How to redo it; " + RUN),
    ("24", "Initial parameters", RUN),
    ("25", "Training", RUN),
    ("26", "Choice of the final model", "Not applicable: all networks of the ensemble are used"),
    ("27", "Ensembling", RUN),
    ("28", "Measures of performance", "Primary comparison (θ); " + RUN),
    ("29", "Significance and uncertainty", "Primary comparison; How to redo it"),
    ("30", "Robustness and sensitivity", "Sensitivity analyses; Subgroups"),
    ("31", "Explainability", "Not applicable: readers judge images, not explanations"),
    ("32", "External validation", AUTHORS),
    ("33", "Flow of participants or cases", "Flow"),
    (
        "34",
        "Demographics and clinical characteristics",
        "Balance in the sealed report of the case set; for the authors",
    ),
    ("35", "Performance on all partitions", RUN),
    ("36", "Estimates with their precision", "Primary comparison"),
    (
        "37",
        "Failure analysis",
        "Primary comparison, where one group is of images on which networks fail",
    ),
    ("38", "Limitations", "Assumptions and limits; for the authors"),
    ("39", "Implications for practice", AUTHORS),
    ("40", "Registration", AUTHORS),
    ("41", "Where the full protocol is", "Export: protocol.json (digest under Protocol)"),
    ("42", "Funding", AUTHORS),
)


def checklist_section(*, locked: bool) -> Section:
    """Return both checklists as tables; without a locked protocol what it would answer is for the authors."""

    def where(items: tuple[tuple[str, str, str], ...]) -> tuple[tuple[str, str, str], ...]:
        return items if locked else tuple((n, what, _unlocked(place)) for n, what, place in items)

    blocks: tuple[Block, ...] = (
        Text(
            "Where each item is answered: a section of this report, a file of the export, or the "
            "authors, who alone can. Items are in short words; the published lists decide."
        ),
        Grid(
            "GRRAS, reliability and agreement (Kottner and others 2011)",
            ("Item", "What", "Where"),
            where(GRRAS),
        ),
        Grid(
            "CLAIM, artificial intelligence in medical imaging (Mongan, Moy and Kahn 2020)",
            ("Item", "What", "Where"),
            where(CLAIM),
        ),
    )
    return Section("checklists", "Checklists", blocks)


def _unlocked(place: str) -> str:
    """Leave to the authors what only a locked protocol and its export answer."""
    return AUTHORS if "Protocol" in place or "protocol" in place else place
