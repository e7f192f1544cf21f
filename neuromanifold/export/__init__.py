"""Export: results in the forms other programs read, tables (pandas, csv) and a processing module of NWB."""

from __future__ import annotations

from neuromanifold.export.nwb import results_module, write_nwb
from neuromanifold.export.tables import table, write_tables

__all__ = ["results_module", "table", "write_nwb", "write_tables"]
