"""The report of a finished reader study: a document from its results, and the document as a web page."""

from analysis.report.build import reader_study_report, report_figures, write_report
from analysis.report.document import Background, Picture, ReaderCourse
from analysis.report.html import fragment, standalone

__all__ = [
    "Background",
    "Picture",
    "ReaderCourse",
    "fragment",
    "reader_study_report",
    "report_figures",
    "standalone",
    "write_report",
]
