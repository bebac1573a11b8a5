"""`python -m mlmaster.cli`: the command line where the `mlmaster` script is not on the path."""

from mlmaster.cli.app import main

main()
