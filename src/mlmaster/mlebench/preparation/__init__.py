"""From Kaggle's files to MLE-bench's: a new split of what Kaggle published, since it keeps the labels of its own test set.

`recipes/` holds one module for a competition, named after its id. Read `recipe.py` for what such a module must offer, then
`preparing.py` for what happens around it; `splitting`, `tables` and `archives` are the steps recipes share.
"""
