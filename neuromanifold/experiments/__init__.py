"""Experiments: networks trained on tasks of the papers and of the recordings."""
