"""Scripts that change records, run where they can do no harm.

runner    processes that run scripts, as the rest of Headrace sees them (``core.scripts.ScriptRunner``)
process   what such a process is; it is started as a file, and nothing imports it
pipes     how one is talked to
"""
