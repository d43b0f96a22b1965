"""Who is told of runs, as the settings say."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from headrace import config
from headrace.bootstrap.application import Application, open_application
from headrace.bootstrap.reporting import report_desk
from headrace.core.errors import Code, Problem


@pytest.fixture
def application(tmp_path: Path) -> Application:
    """Return an installation of its own."""
    return open_application(config.load({}, home=tmp_path / "home", directory=tmp_path))


def _told(application: Application, **settings: Any) -> set[str]:
    desk = report_desk(replace(application, settings=replace(application.settings, **settings)))
    return set() if desk is None else set(desk.reporters)


def test_nobody_is_told_unless_somebody_says_so(application: Application) -> None:
    """Each of the two is asked for by its own address."""
    with application:
        assert _told(application) == set()
        assert _told(application, otel_endpoint="http://collector:4318", otel_headers="a=1, b=x=y") == {"traces"}
        assert _told(application, otel_endpoint="http://c:1", openlineage_url="http://catalog:5000") == {
            "traces",
            "lineage",
        }


def test_headers_of_no_form_are_refused(application: Application) -> None:
    """A worker that starts says what is wrong, instead of sending traces that nobody takes."""
    with application, pytest.raises(Problem) as refusal:
        _told(application, otel_endpoint="http://collector:4318", otel_headers="secret")
    assert refusal.value.code is Code.INVALID
