"""The tree of commands: names, options and help, a noun a module. The work stands elsewhere and is imported when it is called."""

from headrace.cli.tree.root import app

__all__ = ["app"]
