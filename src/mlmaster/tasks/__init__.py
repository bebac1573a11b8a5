"""Tasks: load a folder or a file, infer what is asked, profile it, lay out views."""
