"""The one package that knows everybody: it makes a working installation out of settings. Importing it builds nothing.

    application   an installation: ledger, folders, keys, clock; what every process of it has
    working       processes that do runs: engine and activities
    serving       the process that answers over HTTP, with supervised workers
    doors         what each door needs of an installation
    timers        what happens by the clock: schedules are fired, webhooks told
    upkeep        what is old enough to be removed

They are apart so that a process loads only what it uses: a server that does no runs itself needs no DuckDB.
"""
