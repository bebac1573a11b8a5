"""Whether a result was come by honestly: what a solution does that the benchmark forbids, and whom it resembles.

`violations` reads scripts for what the rules of MLE-bench forbid, `winnowing` compares them with published kernels.
Both are
mechanical: they find what is written down, and say so with file and line; what they find is for a person to judge. How
well a model knew a competition beforehand (MLE-bench's familiarity measure) is left out: it needs the probabilities of
its tokens, and the paper found no correlation with results.
"""
