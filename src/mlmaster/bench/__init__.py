"""Comparing engineers: seeds and splits, spread, pass@k, one against another.

It reads reports that are written and done; nothing that searches imports it.
"""
