"""Kaggle, by its own client and the user's token: a competition's files, and submissions, sent only when asked for."""
