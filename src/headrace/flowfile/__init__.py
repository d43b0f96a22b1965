"""Flow files: the YAML door. A file of a person's becomes a flow of the core.

    load          a file to a FlowFile: the flow, the connections that it needs, the values of its parameters
    read          the same from text
    json_schema   the JSON Schema of the file, so that editors complete it

Nothing here reads the environment, the ledger or the data (but files of secrets that a flow file names): what is wrong in a file is told before
anything runs.
"""

from headrace.flowfile.jsonschema import json_schema
from headrace.flowfile.loading import SCOPE, FlowFile, load, read

__all__ = ["SCOPE", "FlowFile", "json_schema", "load", "read"]
