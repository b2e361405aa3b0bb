"""The tables of an export beside ratings.csv: their columns, for the files and the data dictionary."""

from analysis.columns import Column
from analysis.frames import Table

_READING = (
    Column("reader", "text", "Pseudonym of the reader"),
    Column("case", "text", "Key of the case"),
    Column("presentation", "integer", "1 = first reading, 2 = hidden repeat", low=1),
)

ANSWERS = Table(
    "answers.csv",
    (
        *_READING,
        Column("question", "text", "Key of the question in protocol.json; comment = the reader's remark"),
        Column("kind", "text", "Kind of the question"),
        Column(
            "status", "text", "How it was answered",
            allowed=("answered", "cannot_assess", "technical", "left_blank", "not_asked", "missing"),
        ),
        Column("value", "text", "The answer as JSON: number, text, list; of a mark question the marks", blank=True),
    ),
    key=("reader", "case", "presentation", "question"),
)  # fmt: skip
"""Every answer to every question, of whatever kind, as it was last saved."""

OPENED_CASES = Table(
    "cases.csv",
    (
        Column("case", "text", "Key of the case"),
        Column("arm", "binary", "1 = pruning-identified exemplar, 0 = control"),
        Column("pair", "text", "Matched set of the case; blank when it is matched to none", blank=True),
        Column("score", "number", "Agreement of dense and pruned scores", low=-1, high=1),
        Column("class_group", "text", "Group of the rarest positive class", allowed=("head", "medium", "tail", "none")),
        Column("n_findings", "integer", "Number of positive classes without No Finding", low=0),
        Column("labels", "text", "The labels as the readers saw them, joined by '; '", blank=True),
    ),
    key=("case",),
)  # fmt: skip
"""What the opened key says of each case."""

ORDER = Table(
    "order.csv",
    (
        *_READING,
        Column("position", "integer", "Place in the reader's drawn order, from 1", low=1),
        Column("deferred", "binary", "1 = a repeat whose turn came too early, read at the end"),
        Column("first_saved_at", "text", "When the first answer was saved (UTC, ISO 8601)", blank=True),
        Column("last_saved_at", "text", "When the last revision was saved (UTC, ISO 8601)", blank=True),
        Column("revisions", "integer", "How often answers were saved", low=0),
    ),
    key=("reader", "case", "presentation"),
)
"""Who was to read what when, and when it was read."""

READERS = Table(
    "readers.csv",
    (
        Column("reader", "text", "Pseudonym of the reader"),
        Column("slot", "integer", "Planned reader whose cases they read; kept by a replacement", blank=True),
        Column("planned", "integer", "First readings planned", low=0),
        Column("read", "integer", "First readings saved", low=0),
        Column("withdrawn", "text", "When and why the reader withdrew", blank=True),
        Column("replaces", "text", "Reader whose place was taken", blank=True),
        Column(
            "years_reading", "integer", "Years of reading radiographs, as the reader stated", blank=True, low=0, high=80
        ),
        Column("specialty", "text", "Specialty, in the reader's own words", blank=True),
    ),
    key=("reader",),
)  # fmt: skip

WIDE = Table(
    "wide.csv",
    (
        Column("case", "text", "Key of the case"),
        Column("arm", "binary", "1 = pruning-identified exemplar, 0 = control"),
        Column("pair", "text", "Matched set of the case", blank=True),
    ),
    key=("case",),
)
"""One row per case; then per reader and question a column READER_QUESTION of first readings, and READER_time_s."""

SUBGROUPS = Table(
    "subgroups.csv",
    (
        Column("case", "text", "Key of the case"),
        Column("class_group", "text", "Group of the rarest positive class", optional=True),
        Column("n_findings", "text", "Number of diseases: 0, 1, 2, 3, 4+", optional=True),
    ),
    key=("case",),
)
"""The groups of cases named in the protocol, as `analyse_ratings --subgroups` reads them."""

EXPORT_TABLES = (ANSWERS, OPENED_CASES, ORDER, READERS, WIDE, SUBGROUPS)
