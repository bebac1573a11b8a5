"""MLE-bench: its competitions as facts, its grades to the fifth decimal, its medals, its reports and its preparation.

`registry` holds the facts, `grading` is the way from a submission to a grade, `graders/` the metrics, `medals` and `reports`
what follows from a grade, `preparation/` makes the data from Kaggle's files. Nothing here is imported by what searches.
"""
