"""The report of a finished reader study: a document from its results, and the document as a web page."""

from analysis.report.build import reader_study_report, report_figures, report_html, write_report
from analysis.report.document import Background, Document, Picture, ReaderCourse
from analysis.report.html import fragment, standalone

__all__ = [
    "Background",
    "Document",
    "Picture",
    "ReaderCourse",
    "fragment",
    "reader_study_report",
    "report_figures",
    "report_html",
    "standalone",
    "write_report",
]
