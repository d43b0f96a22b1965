"""Expression languages, each with its parser, its table of functions, and an evaluator or compiler.

The languages do not know each other, run nothing and read nothing: text goes in, a value or SQL text comes out.
"""
