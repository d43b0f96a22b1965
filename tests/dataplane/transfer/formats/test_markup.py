"""XML files as documents."""

import json
from pathlib import Path
from typing import Any

import pytest

from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.core.task import Cancellation
from headrace.dataplane.limits import Limits
from headrace.dataplane.transfer.faults import Reason, Side
from headrace.dataplane.transfer.formats.markup import MOST_ATTRIBUTES, read
from headrace.dataplane.transfer.request import Markup
from headrace.dataplane.transfer.rows import DOCUMENT_COLUMN
from transfer_files import fault_of, local, session_in, working


def document(folder: Path, content: str | bytes, form: Markup | None = None, limits: Limits | None = None) -> Json:
    """Return the one document of a file."""
    path = folder / "a.xml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    work = working(folder, limits)
    with session_in(folder, limits) as session, read(local(path), form or Markup(), session, work) as rows:
        assert rows.documents
        assert rows.repeatable
        ((text,),) = session.rows(f'SELECT "{DOCUMENT_COLUMN}" FROM {rows.relation}')
    assert not list(work.folder.iterdir())
    found: Json = json.loads(text)
    return found


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("<a>x</a>", {"a": "x"}),
        ("<a/>", {"a": None}),
        ("<a></a>", {"a": None}),
        ("<a> x </a>", {"a": " x "}),
        ("<a><b>1</b><c/></a>", {"a": {"b": 1, "c": None}}),
        ('<a id="1" n="x">t</a>', {"a": {"@id": 1, "@n": "x", "_value_": "t"}}),
        ('<a id="1"/>', {"a": {"@id": 1}}),
        ("<a><b>1</b><c>2</c><b>3</b><b><d/></b></a>", {"a": {"b": [1, 3, {"d": None}], "c": 2}}),
        ("<a>\n  <b>1</b>\n</a>\n", {"a": {"b": 1}}),
        ("<a>x<b>1</b>y<!-- no -->z</a>", {"a": {"b": 1, "_value_": "xyz"}}),
        ("<?xml version='1.0'?><!-- c --><a><?pi x?><![CDATA[<b>&]]>&lt;&#252;</a>", {"a": "<b>&<ü"}),
        (
            '<a xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><b xsi:nil="true"/><b xsi:nil="false">x</b></a>',
            {"a": {"b": [None, "x"]}},
        ),
    ],
)
def test_elements_are_properties(tmp_path: Path, content: str, expected: Json) -> None:
    """Attributes, text beside them, and what is repeated."""
    assert document(tmp_path, content) == expected


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", "0"),
        ("-12", "-12"),
        (" 7\n", "7"),
        ("9223372036854775807", "9223372036854775807"),
        ("9223372036854775808", '"9223372036854775808"'),
        ("007", '"007"'),
        ("+1", '"+1"'),
        ("1.50", "1.50"),
        ("1e5", "1e5"),
        (".5", '".5"'),
        ("1_000", '"1_000"'),
        ("٣", '"٣"'),
        ("true", "true"),
        ("False", "false"),
        ("yes", '"yes"'),
        ("NaN", '"NaN"'),
        ("2024-02-29", '"2024-02-29"'),
    ],
)
def test_types_are_detected_where_nothing_is_lost(tmp_path: Path, text: str, value: str) -> None:
    """Digit for digit; and not at all where it is switched off."""
    path = tmp_path / "a.xml"
    path.write_text(f'<a b="{text}">{text}</a>')
    with session_in(tmp_path) as session, read(local(path), Markup(), session, working(tmp_path)) as rows:
        ((found,),) = session.rows(f'SELECT "{DOCUMENT_COLUMN}" FROM {rows.relation}')
    assert "".join(found.split()) == f'{{"a":{{"@b":{value},"_value_":{value}}}}}'
    assert document(tmp_path, f"<a>{text}</a>", Markup(detect_types=False)) == {"a": text}


def test_a_text_may_stand_for_null(tmp_path: Path) -> None:
    """An empty element is null whatever it is."""
    assert document(tmp_path, '<a b="-"><c>-</c><d/><e>x</e></a>', Markup(null="-")) == {
        "a": {"@b": None, "c": None, "d": None, "e": "x"}
    }


SPACED = (
    '<p:a xmlns:p="urn:one" xmlns="urn:two" p:x="1" y="2" xml:lang="de"><b>3</b><c xmlns="urn:three"><d/></c></p:a>'
)


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        (Markup(), {"p:a": {"@p:x": 1, "@y": 2, "@xml:lang": "de", "b": 3, "c": {"d": None}}}),
        (
            Markup(prefixes={"urn:one": "o", "urn:two": "t"}),
            {"o:a": {"@o:x": 1, "@y": 2, "@xml:lang": "de", "t:b": 3, "c": {"d": None}}},
        ),
        (Markup(prefixes={"urn:one": ""}), {"a": {"@x": 1, "@y": 2, "@xml:lang": "de", "b": 3, "c": {"d": None}}}),
        (
            Markup(namespaces=False, prefixes={"urn:one": "o"}),
            {
                "p:a": {
                    "@p:x": 1,
                    "@y": 2,
                    "@xml:lang": "de",
                    "@xmlns:p": "urn:one",
                    "@xmlns": "urn:two",
                    "b": 3,
                    "c": {"@xmlns": "urn:three", "d": None},
                }
            },
        ),
    ],
)
def test_names_have_the_prefixes_that_are_wanted(tmp_path: Path, form: Markup, expected: Json) -> None:
    """Those of the file, or those of the namespaces; without namespaces, declarations are attributes."""
    assert document(tmp_path, SPACED, form) == expected


def test_bytes_are_read_in_the_encoding_that_they_name(tmp_path: Path) -> None:
    """Else in the one that was asked for."""
    latin = '<?xml version="1.0" encoding="iso-8859-1"?><a>ü</a>'.encode("latin-1")
    for content, form in (
        (latin, Markup()),
        ("<a>ü</a>".encode("utf-16"), Markup()),
        ("<a>ü</a>".encode("cp1252"), Markup("cp1252")),
        ("<a>ü</a>".encode("utf-16"), Markup("utf-16-le")),
        ('<?xml version="1.0" encoding="utf-8"?><a>ü</a>'.encode("cp1140"), Markup("cp1140")),
        (b"\xef\xbb\xbf" + "<a>ü</a>".encode(), Markup()),
        (b"\xef\xbb\xbf" + "<a>ü</a>".encode(), Markup("cp1252")),
    ):
        assert document(tmp_path, content, form) == {"a": "ü"}


def test_a_large_file_is_read_piece_by_piece(tmp_path: Path) -> None:
    """Ends of pieces fall anywhere, also into text between elements."""
    items = "".join(f"<i n='{number}'>ü{number}</i>t" for number in range(5_000))
    found: Any = document(tmp_path, f"<a>{items}</a>")
    assert found["a"]["i"] == [{"@n": number, "_value_": f"ü{number}"} for number in range(5_000)]
    assert found["a"]["_value_"] == "t" * 5_000


def test_a_document_is_so_large_and_no_larger(tmp_path: Path) -> None:
    """It is one row."""
    with pytest.raises(Problem, match="max_row_bytes") as caught:
        document(tmp_path, f"<a>{'<b>12345</b>' * 1000}</a>", limits=Limits(max_row_bytes=4000, threads=1))
    assert caught.value.code is Code.LIMIT_EXCEEDED


def test_a_document_to_be_validated_is_no_larger_either(tmp_path: Path) -> None:
    """All of it is held in memory for that."""
    with pytest.raises(Problem, match="max_row_bytes"):
        document(tmp_path, f"<a>{' ' * 5000}</a>", Markup(validation="dtd"), Limits(max_row_bytes=4000, threads=1))


DTD = "<!DOCTYPE a [<!ELEMENT a (b*)><!ELEMENT b (#PCDATA)><!ATTLIST b x CDATA 'not taken'>]>"


def test_a_file_is_validated_by_the_dtd_in_it(tmp_path: Path) -> None:
    """Without validation, it is read over."""
    assert document(tmp_path, f"{DTD}<a><b>1</b></a>", Markup(validation="dtd")) == {"a": {"b": 1}}
    assert document(tmp_path, f"{DTD}<a><c>1</c></a>") == {"a": {"c": 1}}


BOMB = "<!DOCTYPE a [<!ENTITY a '{}'>{}]><a {}>&j;</a>".format(
    "x" * 100, "".join(f"<!ENTITY {chr(98 + n)} '{f'&{chr(97 + n)};' * 10}'>" for n in range(9)), "b='&j;'"
)


@pytest.mark.parametrize(
    ("content", "validation", "said"),
    [
        ("", "none", ""),
        ("<a>", "none", "Premature end"),
        ("<a/><b/>", "none", "Extra content"),
        ("<a>&x;</a>", "none", ""),
        ("<a b='1' b='2'/>", "none", "redefined"),
        ("<x:a/>", "none", "prefix x"),
        (b"<a>\xff</a>", "none", ""),
        ('{"a": 1}', "none", "Start tag expected"),
        ("<a>" * 300 + "</a>" * 300, "none", "depth"),
        ('<!DOCTYPE a [<!ENTITY x "y">]><a>1&x;</a>', "none", "the entity &x; is not resolved"),
        ('<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', "none", "the entity &x; is not resolved"),
        ('<!DOCTYPE a [<!ELEMENT a ANY><!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', "dtd", "entity"),
        (BOMB, "none", ""),
        ("<a/>", "dtd", "no DTD inside"),
        ('<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd"><a/>', "dtd", "no DTD inside"),
        (f"{DTD}<a>\n<c/></a>", "dtd", "line 2"),
        ("<a", "dtd", ""),
    ],
)
def test_what_is_no_xml_is_told_by_the_name_of_the_file(
    tmp_path: Path, content: str | bytes, validation: str, said: str
) -> None:
    """And nothing is fetched or resolved for anybody."""
    path = tmp_path / "bad.xml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    problem = fault_of(read, Markup(validation=validation), path)
    assert (problem.reason, problem.side) == (Reason.UNREADABLE, Side.SOURCE)
    assert "'bad.xml' cannot be read as XML: " in problem.message
    assert said in problem.message
    assert "root:" not in problem.message
    assert not list((tmp_path / "work").iterdir())


@pytest.mark.parametrize("form", ["b{}='1'", "xmlns:b{}='u{}'"])
def test_an_element_has_not_so_many_attributes_that_nothing_else_goes_on(tmp_path: Path, form: str) -> None:
    """The library takes the square of their number, and holds up the whole process meanwhile."""
    with pytest.raises(Problem, match="attributes") as caught:
        document(tmp_path, f"<a {' '.join(form.format(n, n) for n in range(MOST_ATTRIBUTES + 1))}/>")
    assert caught.value.code is Code.LIMIT_EXCEEDED


def test_validation_by_a_schema_is_refused(tmp_path: Path) -> None:
    """Whoever names a schema in a file would say what a server fetches."""
    (tmp_path / "a.xml").write_text("<a/>")
    problem = fault_of(read, Markup(validation="xsd"), tmp_path / "a.xml")
    assert (problem.reason, problem.code) == (Reason.REQUEST_INVALID, Code.UNSUPPORTED)


def test_reading_stops_when_it_is_asked_to(tmp_path: Path) -> None:
    """Between two pieces."""
    (tmp_path / "a.xml").write_text("<a/>")
    work = working(tmp_path)
    cancellation: Cancellation = work.context.cancellation
    cancellation.stop(Code.CANCELLED, "enough")
    with (
        session_in(tmp_path) as session,
        pytest.raises(Problem, match="enough"),
        read(local(tmp_path / "a.xml"), Markup(), session, work),
    ):
        pass
