"""The Data Factory door: the REST API 2018-06-01 of Azure Data Factory, as far as it stands in ``docs/reference/data-factory.md``.

app             make_app(door): the FastAPI application with every path of the dialect
door            what the door needs of the installation
paths           case-insensitive paths, before anything is routed
gateway         who calls, which factory, and whether it is allowed
errors, wire    ARM's error bodies; dates, headers, bodies
resources       what all collections of a factory have in common; one file a noun beside it
checks, references, inference, secrets
                what is looked at, repaired and taken out when a document is put
translate       pure: pipelines in, runs out
"""
