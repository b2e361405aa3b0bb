"""GRRAS and CLAIM: each item in short, and where this report answers it.

Kottner and others 2011, J Clin Epidemiol 64:96 (GRRAS, 15 items); Mongan, Moy and Kahn 2020, Radiol Artif Intell
2:e200029 (CLAIM, 42 items: the edition by whose numbers reviewers count). The items are in our own short words; the
originals decide.
"""

from analysis.report.document import Block, Grid, Section, Text

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


def checklist_section() -> Section:
    """Return both checklists as tables."""
    blocks: tuple[Block, ...] = (
        Text(
            "Where each item is answered: a section of this report, a file of the export, or the "
            "authors, who alone can. Items are in short words; the published lists decide."
        ),
        Grid("GRRAS, reliability and agreement (Kottner and others 2011)", ("Item", "What", "Where"), GRRAS),
        Grid(
            "CLAIM, artificial intelligence in medical imaging (Mongan, Moy and Kahn 2020)",
            ("Item", "What", "Where"),
            CLAIM,
        ),
    )
    return Section("checklists", "Checklists", blocks)
