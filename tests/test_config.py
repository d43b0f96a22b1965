"""Settings come from one place, and a wrong one says so."""

from pathlib import Path

import pytest

from headrace.config import FILE_NAME, Settings, load, reference
from headrace.core.errors import Code, Problem

ROOT = Path(__file__).resolve().parents[1]


def test_nothing_given_keeps_everything_below_the_working_directory(tmp_path: Path) -> None:
    """Without any setting, all of Headrace lives in ./.headrace, and nothing is created by looking."""
    settings = load({}, directory=tmp_path)
    home = tmp_path / ".headrace"
    assert (settings.home, settings.database_url) == (home, f"sqlite:///{home / 'ledger.db'}")
    assert (settings.lake, settings.landing) == (home / "lake", home / "landing")
    assert list(tmp_path.iterdir()) == []


def test_the_stronger_place_wins(tmp_path: Path) -> None:
    """An option beats the environment, that the home's file, and that the working directory's."""
    home = tmp_path / "house"
    home.mkdir()
    (tmp_path / FILE_NAME).write_text('workers = 2\nretention_days = 10\nthreads = 1\nhome = "elsewhere"\n')
    (home / FILE_NAME).write_text("workers = 3\nretention_days = 11\n")
    settings = load({"HEADRACE_WORKERS": "4", "HEADRACE_HOME": "ignored"}, home=home, directory=tmp_path)
    assert (settings.home, settings.workers, settings.retention_days, settings.threads) == (home, 4, 11, 1)


def test_an_unknown_variable_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    """A typing error in a setting's name is not silently a default."""
    with pytest.raises(Problem, match="did you mean HEADRACE_RETENTION_DAYS") as caught:
        load({"HEADRACE_RETENTION_DAY": "3", "PATH": "/bin"}, directory=tmp_path)
    assert caught.value.code is Code.UNKNOWN_FIELD


def test_an_unknown_key_of_the_file_is_refused_with_file_and_nearest_name(tmp_path: Path) -> None:
    """The message says in which file the wrong name stands."""
    (tmp_path / FILE_NAME).write_text("worker = 2\n")
    with pytest.raises(Problem, match="did you mean workers") as caught:
        load({}, directory=tmp_path)
    assert str(tmp_path / FILE_NAME) in caught.value.message


def test_a_file_that_is_no_toml_says_where(tmp_path: Path) -> None:
    """The line of the mistake is named."""
    (tmp_path / FILE_NAME).write_text("workers = \n")
    with pytest.raises(Problem, match="line 1") as caught:
        load({}, directory=tmp_path)
    assert caught.value.code is Code.MALFORMED


def test_all_wrong_values_are_reported_at_once(tmp_path: Path) -> None:
    """Whoever corrects a file sees every mistake the first time."""
    given = {
        "HEADRACE_WORKERS": "many",
        "HEADRACE_MAX_ROW_BYTES": "3 parsecs",
        "HEADRACE_POLL_SECONDS": "nan",
        "HEADRACE_RETENTION_DAYS": "0",
        "HEADRACE_LOG_LEVEL": "loud",
    }
    with pytest.raises(Problem) as caught:
        load(given, directory=tmp_path)
    assert {error.path for error in caught.value.fields} == {name[9:].lower() for name in given}


def test_sizes_and_lists_are_read_from_both_places(tmp_path: Path) -> None:
    """Text in the environment and TOML's own types in the file mean the same."""
    (tmp_path / FILE_NAME).write_text('file_roots = ["data", "/srv"]\nmax_row_bytes = 2048\nworker_concurrency = 3\n')
    from_file = load({}, directory=tmp_path)
    variables = {
        "HEADRACE_FILE_ROOTS": "data:/srv",
        "HEADRACE_MAX_ROW_BYTES": "2KiB",
        "HEADRACE_WORKER_CONCURRENCY": "3",
    }
    (tmp_path / FILE_NAME).unlink()
    assert load(variables, directory=tmp_path) == from_file
    assert from_file.file_roots == (tmp_path / "data", Path("/srv"))


def test_a_child_process_gets_the_same_settings(tmp_path: Path) -> None:
    """What a supervisor hands to its workers means the same there."""
    settings = load({"HEADRACE_FILE_ROOTS": "a:b", "HEADRACE_EGRESS_ALLOW": "10.0.0.0/8,db"}, directory=tmp_path)
    assert load(settings.to_environment(), directory=Path("/")) == settings


def test_secrets_are_in_no_text_of_the_settings(tmp_path: Path) -> None:
    """Settings may be logged; passwords and keys may not. A wrong key is not repeated either."""
    url = "postgresql://headrace:canary@db/ledger"
    assert "canary" not in repr(
        load({"HEADRACE_DATABASE_URL": url, "HEADRACE_SECRET_KEY": "canary"}, directory=tmp_path)
    )


def test_an_object_store_for_the_lake_is_refused_by_name(tmp_path: Path) -> None:
    """What is not supported yet is said before anything is written."""
    with pytest.raises(Problem, match="lake_url: s3://") as caught:
        load({"HEADRACE_LAKE_URL": "s3://bucket/lake"}, directory=tmp_path)
    assert caught.value.code is Code.UNSUPPORTED


def test_a_worker_is_not_dead_before_it_could_say_that_it_is_alive(tmp_path: Path) -> None:
    """A heartbeat slower than the deadline would make every worker look dead."""
    with pytest.raises(Problem, match="dead_after_seconds"):
        load({"HEADRACE_HEARTBEAT_SECONDS": "5"}, directory=tmp_path)


def test_the_settings_page_is_in_step() -> None:
    """docs/reference/settings.md says what the code reads: it is what reference() returns."""
    page = ROOT / "docs" / "reference" / "settings.md"
    assert page.read_text(encoding="utf-8") == reference()


def test_every_setting_has_a_doc_line() -> None:
    """A setting that nobody can look up is none."""
    assert [
        name for name, field in Settings.__dataclass_fields__.items() if not field.metadata["doc"].endswith(".")
    ] == []


def test_a_table_of_settings_is_read_from_both_places(tmp_path: Path) -> None:
    """What executes types of activities is a table in the file, and the same as JSON text in the environment; anything else is refused."""
    (tmp_path / "headrace.toml").write_text('[datafactory_activities.Custom]\ncommand = ["/bin/cat"]\n')
    expected = '{"Custom": {"command": ["/bin/cat"]}}'
    assert load({}, directory=tmp_path).datafactory_activities == expected
    (tmp_path / "headrace.toml").unlink()
    given = {"HEADRACE_DATAFACTORY_ACTIVITIES": expected}
    assert load(given, directory=tmp_path).datafactory_activities == expected
    with pytest.raises(Problem, match="a JSON object is expected"):
        load({"HEADRACE_DATAFACTORY_ACTIVITIES": "[1]"}, directory=tmp_path)
    with pytest.raises(Problem, match="is no URL of a database") as caught:
        load({"HEADRACE_DATAFACTORY_DATABASES": '{"a": "ftp://u:secret@h"}'}, directory=tmp_path)
    assert "secret" not in str(caught.value)
    with pytest.raises(Problem, match="names no command and no endpoint"):
        load({"HEADRACE_DATAFACTORY_ACTIVITIES": '{"Custom": {"command": "ls"}}'}, directory=tmp_path)


def test_the_standard_names_of_traces_count_where_ours_are_not_set(tmp_path: Path) -> None:
    """Whoever has set up OpenTelemetry for a machine need not say it twice."""
    standard = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318", "OTEL_EXPORTER_OTLP_HEADERS": "key=1"}
    settings = load(standard, directory=tmp_path)
    assert (settings.otel_endpoint, settings.otel_headers) == ("http://collector:4318", "key=1")
    own = {**standard, "HEADRACE_OTEL_ENDPOINT": "https://other/otlp"}
    assert load(own, directory=tmp_path).otel_endpoint == "https://other/otlp"


def test_a_format_of_log_lines_that_there_is_not_is_refused(tmp_path: Path) -> None:
    """The refusal names those that there are."""
    with pytest.raises(Problem, match="json or console"):
        load({"HEADRACE_LOG_FORMAT": "yaml"}, directory=tmp_path)


@pytest.mark.parametrize(
    "url", ["headrace.example", "ftp://x", "https://", "https://u:p4ss@x", "https://x/?a=b", "https://x y"]
)
def test_an_address_that_is_none_of_a_server_is_refused_without_being_repeated(tmp_path: Path, url: str) -> None:
    """It may have a password in it."""
    with pytest.raises(Problem, match="is no address of a server") as caught:
        load({"HEADRACE_URL": url}, directory=tmp_path)
    assert "p4ss" not in str(caught.value)


def test_what_commands_show_a_server_is_in_no_traceback(tmp_path: Path) -> None:
    """A token, a client's secret, static tokens."""
    given = {"HEADRACE_TOKEN": "t0ken", "HEADRACE_CLIENT_SECRET": "s3cret", "HEADRACE_URL": "https://x.example/below"}
    settings = load({**given, "HEADRACE_NATIVE_TOKENS": f"ci:reader:{'k' * 20}"}, directory=tmp_path)
    assert (settings.url, settings.token) == ("https://x.example/below", "t0ken")
    assert not any(secret in repr(settings) for secret in ("t0ken", "s3cret", "k" * 20))
    with pytest.raises(Problem, match="static tokens"):
        load({"HEADRACE_NATIVE_TOKENS": "ci:emperor:short"}, directory=tmp_path)
