"""From a failure to an answer: every door has one renderer, and nothing else makes an error's body."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from headrace.core.errors import Code, Problem

Renderer: TypeAlias = Callable[[Request, Problem], Response]
"""A door's words for a problem. It is handed the request for its path, its headers and ``request.state.request_id``."""

_CODES: Mapping[int, Code] = {401: Code.UNAUTHENTICATED, 403: Code.FORBIDDEN, 404: Code.NOT_FOUND, 405: Code.NOT_FOUND}


def answer_problems(app: FastAPI, render: Renderer) -> None:
    """Make ``app`` answer every problem, and every refusal of the framework, through ``render``.

    What is no ``Problem`` is left to ``headrace.http.edge.Edge``, which logs it and has ``INTERNAL`` rendered.
    """

    def problem(request: Request, error: Exception) -> Response:
        if isinstance(error, Problem):
            return render(request, error)
        if isinstance(error, HTTPException):
            code = _CODES.get(error.status_code, Code.INVALID)
            return render(request, Problem(code, f"{request.method} {request.url.path} is not offered here"))
        return render(request, Problem(Code.INVALID, "the request's parameters cannot be read"))

    app.add_exception_handler(Problem, problem)
    app.add_exception_handler(HTTPException, problem)
    app.add_exception_handler(RequestValidationError, problem)
