"""SqlServerStoredProcedure (contract 8.2): call a procedure of a database."""

from headrace.activities.datafactory.attempt import Attempt, Result
from headrace.activities.datafactory.calls import execution_fields
from headrace.activities.datafactory.copying.sources import parameters_of
from headrace.activities.datafactory.linked import linked_service
from headrace.activities.datafactory.lookup import said
from headrace.activities.datafactory.moving import Moving
from headrace.activities.datafactory.properties import Properties
from headrace.activities.datafactory.statements import open_statements
from headrace.core.outcome import Outcome

FAILED = "2402"
"""The ``errorCode`` of procedures that fail."""


def stored_procedure(attempt: Attempt, moving: Moving) -> Result:
    """Call the procedure with its parameters; what it gives is not kept."""
    given = Properties(attempt.given())
    procedure = given.needed("storedProcedureName")
    parameters = parameters_of(given, "storedProcedureParameters")
    reference = attempt.evaluate(attempt.task.settings.get("linkedServiceName"))
    service = linked_service(attempt, moving.connecting.documents, reference, "linkedServiceName")

    def call() -> None:
        with open_statements(attempt, moving, service, None) as statements:
            statements.call(procedure, parameters, 0)

    said(call, FAILED)
    return Outcome(execution_fields("ExternalActivity"))
