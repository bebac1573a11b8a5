"""Metrics by standard name, and the validity of submissions."""
