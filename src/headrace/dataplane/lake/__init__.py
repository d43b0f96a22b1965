"""The lake: Delta tables below one root.

tables      where a table lies, and that its name leads nowhere else
types       column types as Delta's and as stored in Parquet
files       data files and their statistics, as a commit lists them
delta       looking up and making commits, exactly once by key
garbage     data files that no commit refers to
"""
