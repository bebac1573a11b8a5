"""Building blocks of emitted scripts: plain functions, read as text and never imported by the tool.

`library` takes from here the functions a script uses, with the imports and constants they need.
"""
