"""The command line: one file a command, each a thin layer over `glaciercast.workflow`."""

from glaciercast.cli.main import main

__all__ = ["main"]
