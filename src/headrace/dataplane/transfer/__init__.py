"""Transfers: rows or bytes from a source straight into a sink, without a table of the lake in between.

    request    what is asked for: source, sink, mapping, tolerance
    values     the types that values have on the way, and how Arrow and DuckDB hold them
    rows       rows of one slice in a DuckDB session; the protocols of sources, formats and sinks
    faults     what can be wrong, on which side
    report     what was done
    conduct    does a transfer, and answers with its report: the way in
    means      what it is given for that
    moving     which units there are, which of them are finished, and how the others are done
    naming     what files are called in the sink, and which slices go into which of them
    rows_to_files, rows_to_sink, bytes    how one unit is done
    journal    which units are finished, for whoever goes on
    closing    logs, quarantine and report at the end
    choosing   which files of a store are meant
    mapping/   source columns to sink columns, as SQL
    formats/   files to rows, and rows to files
    databases/ queries to rows, and rows to tables
    services/  HTTP services to rows, and rows to HTTP services
    refusing/  rows and files that are left out: counted, logged, kept in the quarantine

A slice is a file, a range of a table, or all that one query or service gives. It is the unit that is done again after a failure.
"""
