"""Metrics by standard name, and the validity of submissions.

Read `definition` for what a metric is, `registry` for how it is found, `submission` for the boundary between a script's
file and its score, `grading` for scores against answers.
"""
