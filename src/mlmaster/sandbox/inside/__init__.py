"""What runs beside and below a script, never in the harness: the standard library alone, any Python from 3.9 on.

`main.py` is started by path in the interpreter that scripts use; nothing of ML-Master but this folder is imported there.
"""
