"""The domain in its own words; the standard library only.

Nothing here reads a clock, a file, a network or the environment: time, ids and facts come in as arguments.
"""
