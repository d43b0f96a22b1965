"""What is wrong in a flow file, gathered while it is read."""

from dataclasses import dataclass, field

from headrace.core.errors import Code, FieldError, Problem


@dataclass(slots=True)
class Findings:
    """What is wrong in a document, each with its code."""

    found: list[tuple[Code, FieldError]] = field(default_factory=list)

    def add(self, path: str, message: str, hint: str = "", code: Code = Code.INVALID) -> None:
        """Add one error at ``path``."""
        self.found.append((code, FieldError(path, message, hint)))

    def add_problem(self, path: str, problem: Problem) -> None:
        """Add a problem's message at ``path``, or its fields below ``path``."""
        fields = problem.fields or (FieldError("", problem.message),)
        for error in fields:
            below = f"{path}.{error.path}" if path and error.path else path or error.path
            self.found.append((problem.code, FieldError(below, error.message, error.hint)))
