"""The report of a sweep: its history as one HTML page, and advice for the next one.

`write` needs only the folder of the sweep; neither Ray nor torch is imported.
"""

from caviar.report.write import find_out, write

__all__ = ["find_out", "write"]
