"""What holds for every page: its headers, its failures, and that nothing in it runs or looks otherwise than the console's own files say."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from html.parser import HTMLParser

import httpx
import pytest
from starlette.requests import Request

from console_house import House, Visitor
from headrace.core.client import Role
from headrace.core.errors import Code
from headrace.web.app import ROUTERS, serves
from headrace.web.console import html
from headrace.web.failures import STATUS

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_START = "/runs"
_MOST_PAGES = 50
_NOT_FOLLOWED = ("/static/", "/logout", "/favicon.ico")


class _Crawled(HTMLParser):
    """Links of a page, and what a strict policy would refuse."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.refused: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.refused += [f"{tag} {name}" for name in given if name == "style" or name.startswith(("on", "hx-on"))]
        if (tag == "script" and not given.get("src")) or tag in {"style", "iframe", "object", "embed", "base"}:
            self.refused.append(tag)
        for name in ("href", "src", "action", "hx-get", "hx-post", "sse-connect"):
            target = given.get(name)
            if target and not target.startswith(("/", "#")):
                self.refused.append(f"{tag} {name}={target}")
            if target and name == "href" and target.startswith("/"):
                self.links.append(target.partition("#")[0])


@pytest.fixture(scope="module")
def crawled(admin: Visitor) -> dict[str, httpx.Response]:
    """Return every page that an administrator reaches by links, one of each kind of address and few of each."""
    found: dict[str, httpx.Response] = {}
    seen_kinds: dict[str, int] = {}
    waiting = [_START]
    while waiting and len(found) < _MOST_PAGES:
        path = waiting.pop(0)
        kind = re.sub(r"[0-9A-F-]{20,}|[0-9a-f-]{30,}", "{id}", path.partition("?")[0])
        if path in found or path.startswith(_NOT_FOLLOWED) or seen_kinds.get(kind, 0) >= 2:
            continue
        seen_kinds[kind] = seen_kinds.get(kind, 0) + 1
        found[path] = admin.get(path).response
        waiting += list(_links(found[path]))
    return found


def _links(response: httpx.Response) -> Iterator[str]:
    if response.headers.get("content-type", "").startswith("text/html"):
        parser = _Crawled()
        parser.feed(response.text)
        yield from parser.links


def test_every_page_that_is_linked_is_there(crawled: dict[str, httpx.Response]) -> None:
    """No link leads nowhere, and every page of the navigation is among them."""
    assert {path: answer.status_code for path, answer in crawled.items() if answer.status_code not in {200, 303}} == {}
    assert {
        "/runs",
        "/rejects",
        "/flows",
        "/schedules",
        "/connections",
        "/webhooks",
        "/workers",
        "/clients",
        "/audit",
    } <= {path.partition("?")[0] for path in crawled}


def test_no_page_has_scripts_or_styles_in_it(crawled: dict[str, httpx.Response]) -> None:
    """The policy refuses them, so nothing that data brings along can run; and everything comes from this server."""
    refused = {}
    for path, answer in crawled.items():
        parser = _Crawled()
        parser.feed(answer.text)
        if parser.refused:
            refused[path] = parser.refused
    assert refused == {}


def test_every_answer_has_the_policy(crawled: dict[str, httpx.Response], stranger: Visitor) -> None:
    """Pages, failures, files and redirects alike say what a browser may load, and that nobody keeps them."""
    others = [
        stranger.get(path).response for path in ("/login", "/runs", "/favicon.ico", "/runs/nothing", "/static/x/y")
    ]
    for answer in [*crawled.values(), *others]:
        assert answer.headers["content-security-policy"] == POLICY, answer.url
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
    assert {answer.headers["cache-control"] for answer in crawled.values()} == {"no-store"}


def test_every_page_has_a_language_a_title_one_heading_and_labels(crawled: dict[str, httpx.Response]) -> None:
    """What people with a screen reader go by is on every page."""
    for path, answer in crawled.items():
        if answer.status_code != 200 or "text/html" not in answer.headers["content-type"]:
            continue
        assert '<html lang="en">' in answer.text, path
        assert re.search(r"<title>[^<·]+ · Headrace</title>", answer.text), path
        assert answer.text.count("<h1") == 1, path


def test_every_route_needs_a_session(stranger: Visitor) -> None:
    """A page that somebody adds is closed unless it was opened by name."""
    paths = {
        re.sub(r"\{[^}]*\}", "0", route.path) for router in ROUTERS for route in router.routes if hasattr(route, "path")
    }
    assert len(paths) > 10
    for path in paths:
        assert stranger.get(path).response.status_code == 303, path
        assert stranger.get(path).location.startswith("/login"), path


def test_what_is_not_there_is_told_in_a_page(operator: Visitor) -> None:
    """The page says what is wrong, under which request, and stays the console."""
    page = operator.get("/runs/00000000", x_request_id="my-request")
    assert page.status == 404
    assert "my-request" in page.text
    assert "not_found" in page.text
    assert "Rejects" in page.text
    assert operator.get("/flows/x/y/z").status == 404


def test_a_failed_part_gets_a_part(operator: Visitor) -> None:
    """What is asked for by a live part is no whole page."""
    page = operator.get("/runs?status=nothing", hx_request="true")
    assert page.status == 400
    assert "<html" not in page.html
    assert 'role="alert"' in page.html


def test_a_wrong_filter_says_what_would_be_right(operator: Visitor) -> None:
    """An address that somebody typed is explained."""
    page = operator.get("/runs?stauts=failed")
    assert page.status == 400
    assert "status" in page.text


def test_every_code_has_its_status() -> None:
    """No failure is without an answer."""
    assert set(STATUS) == set(Code)


def test_static_files_are_kept_for_good_under_the_name_of_their_content(operator: Visitor) -> None:
    """A new version has a new address; an old page's address is answered, and not kept."""
    path = re.findall(r'href="(/static/[0-9a-f]{12}/base\.css)"', operator.get("/runs").html)
    kept = operator.get(path[0])
    assert kept.response.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert kept.response.headers["content-type"].startswith("text/css")
    assert kept.response.headers["content-encoding"] == "gzip"
    assert operator.get("/static/000000000000/base.css").response.headers["cache-control"] == "no-cache"
    assert operator.get("/static/000000000000/../app.py").status in {303, 404}


def test_long_pages_are_packed_for_who_takes_that(operator: Visitor) -> None:
    """A list of fifty runs goes over the wire in a tenth of its bytes."""
    packed, plain = operator.get("/runs"), operator.get("/runs", accept_encoding="identity")
    assert packed.response.headers["content-encoding"] == "gzip"
    assert packed.response.headers["vary"].lower() == "accept-encoding"
    assert int(packed.response.headers["content-length"]) < int(plain.response.headers["content-length"]) / 3
    assert "content-encoding" not in plain.response.headers


def test_a_form_has_bounds(operator: Visitor) -> None:
    """A body that no form of ours sends is refused while it is read."""
    page = operator.post("/runs/selection", {"do": "retry", "run": "x" * (5 << 20)})
    assert page.status == 413


def test_the_paths_of_the_console_are_its_own() -> None:
    """What is another door's stays there."""
    assert all(map(serves, ["", "/", "/runs", "/runs/", "/runs/1/retry", "/static/a/b.css", "/favicon.ico", "/login"]))
    others = ["/v1/jobs", "/api/v1", "/data/foundation", "/runsx", "/native/v1/runs", "/metrics", "/subscriptions/x"]
    assert not any(map(serves, others))


def test_the_first_page_is_the_runs(operator: Visitor) -> None:
    """The root leads on."""
    assert operator.get("/").location == "/runs"


def test_half_a_character_breaks_no_page() -> None:
    """Data may have one, and UTF-8 has none."""
    assert html(Request({"type": "http", "headers": []}), "a\ud800b").body == b"a?b"


def test_nobody_who_watches_takes_the_places_of_all_others(console_house: House) -> None:
    """Half of the streams of a server are the most that one client has, with however many tabs; another one still gets its own."""
    watcher, other = console_house.visitor(Role.READER), console_house.visitor(Role.OPERATOR)
    with ExitStack() as stack:

        def watch(visitor: Visitor) -> int:
            return stack.enter_context(visitor.client.stream("GET", f"{visitor.base}/runs/live")).status_code

        assert [watch(watcher) for _ in range(11)] == [200] * 10 + [503]
        assert watch(other) == 200
