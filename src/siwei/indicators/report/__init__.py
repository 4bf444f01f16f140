"""The city's report: one HTML file that needs nothing else, and the rows behind it beside it."""

from siwei.indicators.report.write import Audience, Language, ReportFiles, write_report

__all__ = ["Audience", "Language", "ReportFiles", "write_report"]
