"""The Flow Service door: the Adobe Experience Platform dialect, as far as it stands in ``docs/reference/flow-service.md``.

    app             make_app(door): the FastAPI application with every prefix of the dialect
    door            what the door needs of the installation
    gateway         who calls, in which organisation and sandbox
    errors          faults of the dialect; every Code has its status and body
    etags, patches, queries, wire
                    the rules of the wire: etags, JSON Patch, the property language, how fields are read
    specs           connection specs and flow specs
    translate/      pure: definitions in to plans, the ledger out to run objects
    ims, sandboxes, connections, source_connections, target_connections, mapping_sets, schemas, datasets, batches, flows, runs, export
                    routes, one noun a file

Numbers such as 4.2 or 15.1 in docstrings are sections of the dialect's contract.
"""
