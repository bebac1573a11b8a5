"""Run directories: the journal and the artifacts."""
