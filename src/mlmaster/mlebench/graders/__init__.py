"""The 82 graders: small pure functions from a submission and the answers to MLE-bench's score.

A module is named after its metric and holds the graders of every competition scored by it, under `GRADERS`. `grader` says
what they all promise; `pairing` and the other modules without `GRADERS` are what they share.
"""
