"""The command line: what a person types.

``tree`` declares the commands and imports nothing that is slow; each command's work stands in a module of its own, which is imported
when the command is called. ``main`` turns problems into messages and exit codes.
"""
