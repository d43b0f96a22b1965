"""The native API: the operations of ``core.native.table`` over HTTP, for the remote command line, for scripts, and for what watches a server.

- ``app``: the door as an application; ``paths``: which paths are its own
- ``gateway``: who calls, and how often; ``token``: how a client gets in
- ``routes``: one route for each operation, made from the table
- ``events``: a run, or all of them, followed as server-sent events
- ``health``: whether the process answers, and whether it is ready: open to all; ``metrics``, ``scrape``: figures for Prometheus
- ``document``, ``schemas``, ``reference``: the OpenAPI document and the reference page, made from the table
"""
