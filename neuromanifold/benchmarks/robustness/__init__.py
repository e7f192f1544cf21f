"""What becomes of bad input: every entry point of the package meets every fault of a part that it takes.

Arrays, labels, intervals and time stamps that no analysis can use, files that are damaged, lie or are hostile, settings
that decide nothing. A new entry point is a row of ``entries``, a new fault one of ``inputs``, ``settings``, ``files``,
``claims`` or ``hostile``; what is taken all the same is stated in ``exceptions``. ``outcome`` says what counts.
"""

from neuromanifold.benchmarks.robustness.run import run

__all__ = ["run"]
