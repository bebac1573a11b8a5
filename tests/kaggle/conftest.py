from tests.cli.conftest import ended, invoke  # noqa: F401 - fixtures of the command line
