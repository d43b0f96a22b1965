"""The expression language of Azure Data Factory pipelines: evaluated in Python, one value at a time.

    templates.evaluate      walks JSON and replaces what is an expression by its value
    templates.references    what a template names, for the check of a definition
    state.State             what expressions refer to; the caller's
    catalogue.FUNCTIONS     the one table of functions

The rules are those of section 11 of the contract of Azure Data Factory's REST API, down to the texts of errors.
"""
