"""Agreement with the truth: the real engine on re-splits whose test is sealed; one JSON cell for each (task, seed, variant).

`tasks.py` what is solved · `split.py` one re-split as a public folder · `cell.py` one search and what came of it ·
`grid.py`, `run.py` the grid · `figures.py`, `summarise.py` what the cells say.
"""
