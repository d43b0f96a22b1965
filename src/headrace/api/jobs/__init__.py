"""The Jobs door: the Flatfile Platform API (v1), as far as it stands in ``docs/reference/jobs.md``.

app, mounts     make_app(door): the FastAPI application with every path of the dialect, below ``/v1`` and ``/api/v1`` alike
door            what the door needs of the installation
gateway         who calls, in which environment, and whether it is allowed
errors, wire    error entries; envelopes, pages, dates
bodies, members, queries
                packed and unpacked bodies, what stands in them, and parameters
routes          every router; one file a noun beside it
translate       pure: the core's jobs and workspace to the wire and back
"""
