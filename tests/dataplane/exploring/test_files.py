"""Looking into files before a run: what lies there, and what the first rows are."""

import bz2
import gzip
import io
import json
import random
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headrace.core.errors import Code, Problem
from headrace.core.explore import MAX_PLACES, Check, Folder, ListPlaces, Peek, PeekFile, Place, PlaceType
from headrace.core.schema import Kind
from headrace.core.source import Compression, Encoding, FileFormat, FileType
from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.exploring.files import check, list_places, peek_file
from headrace.dataplane.exploring.opening import Opening
from headrace.dataplane.storage import Roots
from stores import Shelf

CSV = b"id,name\n1,Ann\n2,\n"
WHERE = Folder("local", "")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder that is looked into."""
    made = tmp_path / "data"
    made.mkdir()
    return made


@pytest.fixture
def opening(folder: Path, tmp_path: Path) -> Opening:
    """Return that folder, opened."""
    return Opening(None, folder.as_uri(), _roots(tmp_path))


def _roots(home: Path) -> Roots:
    return Roots(home / "landing", home / "lake", home / "quarantine", home / "work", (home,))


@pytest.fixture
def peek(folder: Path, opening: Opening) -> Callable[..., Peek]:
    """Return a function that writes a file and looks into it."""

    def look(name: str, data: bytes, format_: FileFormat | None = None, rows: int = 100) -> Peek:
        (folder / name).write_bytes(data)
        return peek_file(PeekFile(WHERE, name, format_, rows), opening)

    return look


def _tar(data: bytes, mode: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload]  # every mode is a text
        info = tarfile.TarInfo("in/leads.csv")
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def _zip(data: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("leads.csv", data)
    return out.getvalue()


def _parquet(table: pa.Table) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out, row_group_size=50)
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "compression"),
    [
        ("a.csv", CSV, Compression.NONE),
        ("a.csv.gz", gzip.compress(CSV), Compression.GZIP),
        ("a.csv.bz2", bz2.compress(CSV), Compression.BZIP2),
        ("a.csv.deflate", zlib.compress(CSV), Compression.DEFLATE),
        ("a.zip", _zip(CSV), Compression.ZIP),
        ("a.tar", _tar(CSV, "w"), Compression.TAR),
        ("a.tar.gz", _tar(CSV, "w:gz"), Compression.TAR_GZIP),
    ],
)
def test_a_delimited_file_is_told_from_its_bytes_however_it_is_packed(
    peek: Callable[..., Peek], name: str, data: bytes, compression: Compression
) -> None:
    """Every value of a delimited file is a text; an empty one is null."""
    found = peek(name, data)
    assert [(column.name, column.type.kind) for column in found.columns] == [("id", Kind.STRING), ("name", Kind.STRING)]
    assert found.rows == ({"id": "1", "name": "Ann"}, {"id": "2", "name": None})
    assert found.format == FileFormat(compression=compression)


@pytest.mark.parametrize(
    ("name", "data", "delimiter", "encoding"),
    [
        ("a.txt", b"a;b\n1,5;2\n", ";", Encoding.UTF_8),
        ("a", b"a\tb\n1\t2\n", "\t", Encoding.UTF_8),
        ("a.dat", b'a|b\n"x|y"|2\n', "|", Encoding.UTF_8),
        ("a.csv", b"only\n1\n2\n", ",", Encoding.UTF_8),
        ("a.tsv", b"only\n1\n", "\t", Encoding.UTF_8),
        ("a.csv", "größe,b\n1,2\n".encode("iso-8859-1"), ",", Encoding.ISO_8859_1),
        ("a.csv", "a,b\n1,2\n".encode("utf-16"), ",", Encoding.UTF_16),
        ("a.csv", b"\xef\xbb\xbfa,b\n1,2\n", ",", Encoding.UTF_8),
    ],
)
def test_delimiter_and_encoding_are_found(
    peek: Callable[..., Peek], name: str, data: bytes, delimiter: str, encoding: Encoding
) -> None:
    """What makes rows of one length is the delimiter; a name says it for a single column."""
    found = peek(name, data)
    assert found.format is not None
    assert (found.format.delimiter, found.format.encoding) == (delimiter, encoding)
    assert len(found.rows) >= 1


@pytest.mark.parametrize(
    "data",
    [
        b'{"n": 1, "ok": true, "x": {"y": [1]}}\n{"n": 2, "ok": null, "x": null}\n',
        b'[{"n": 1, "ok": true, "x": {"y": [1]}},\n {"n": 2, "ok": null, "x": null}]',
        b'{\n "n": 1,\n "ok": true,\n "x": {"y": [1]}\n}\n{"n": 2, "ok": null, "x": null}',
    ],
)
def test_json_of_every_layout_has_its_types(peek: Callable[..., Peek], data: bytes) -> None:
    """Lines, an array, and objects over several lines."""
    found = peek("a.json", data)
    assert [(column.name, column.type.kind) for column in found.columns] == [
        ("n", Kind.LONG),
        ("ok", Kind.BOOLEAN),
        ("x", Kind.JSON),
    ]
    assert found.rows[0]["n"] == 1
    assert found.rows[0]["ok"] is True
    assert found.rows[1] == {"n": 2, "ok": None, "x": None}
    assert found.format == FileFormat(FileType.JSON, compression=Compression.NONE)


def test_only_the_beginning_of_a_large_file_is_read(peek: Callable[..., Peek], folder: Path) -> None:
    """A row that the sample cuts in two is no row of the preview, and no bytes behind it are asked for."""
    rows = b"".join(b"%d,%s\n" % (number, b"x" * 90) for number in range(60_000))
    found = peek("large.csv", b"id,text\n" + rows + b'"broken')
    assert len(found.rows) == 100
    document = b'[{"id": 1}' + b', {"id": 2, "text": "' + b"x" * 900 + b'"}' * 1
    assert peek("cut.json", document + b', {"id": 3, "text": "' + b"y" * 6_000_000, rows=10).rows == (
        {"id": 1, "text": None},
        {"id": 2, "text": "x" * 900},
    )
    noise = random.Random(1).randbytes(8_000_000).hex().encode()  # noqa: S311 — it does not pack well, and that is all
    packed = gzip.compress(b"a,b\n1,2\n" + b"\n".join(noise[n : n + 60] + b",1" for n in range(0, len(noise), 60)))
    assert len(packed) > 5_000_000
    assert peek("large.csv.gz", packed, rows=1).rows == ({"a": "1", "b": "2"},)
    assert {file.name for file in folder.iterdir()} == {"large.csv", "cut.json", "large.csv.gz"}


def test_parquet_keeps_its_types_and_its_nested_values(peek: Callable[..., Peek]) -> None:
    """Whole numbers and booleans are themselves; instants are ISO 8601, binary is base64."""
    table = pa.table(
        {
            "n": pa.array(range(120), pa.int32()),
            "ok": pa.array([True] * 120),
            "at": pa.array([0] * 120, pa.timestamp("us", tz="UTC")),
            "raw": pa.array([b"\x00\xff"] * 120),
            "who": pa.array([{"name": "Ann", "tags": ["a", "b"]}] * 120),
        }
    )
    found = peek("a.parquet", _parquet(table))
    kinds = [column.type.kind for column in found.columns]
    assert kinds == [Kind.INTEGER, Kind.BOOLEAN, Kind.TIMESTAMP, Kind.BINARY, Kind.STRUCT]
    assert found.rows[49] == {
        "n": 49,
        "ok": True,
        "at": "1970-01-01T00:00:00Z",
        "raw": "AP8=",
        "who": {"name": "Ann", "tags": ["a", "b"]},
    }
    assert found.format == FileFormat(FileType.PARQUET, compression=Compression.NONE)
    assert peek("none.parquet", _parquet(table.slice(0, 0))).rows == ()


@pytest.mark.parametrize(
    ("name", "data", "format_", "code", "said"),
    [
        ("a", b"", None, Code.SOURCE_EMPTY, "0 bytes"),
        ("a.gz", gzip.compress(b""), None, Code.SOURCE_EMPTY, "0 bytes"),
        ("a.bin", bytes(range(200)), None, Code.SOURCE_UNREADABLE, "no text .its first bytes are 00 01"),
        ("a", b"hello world", None, Code.SOURCE_UNREADABLE, "neither a delimiter .* say its format"),
        ("a.gz", b"not packed", None, Code.SOURCE_UNREADABLE, "says gzip"),
        ("a.gz", gzip.compress(CSV)[:20], None, Code.SOURCE_UNREADABLE, "broken or cut off"),
        ("a.parquet", b"PAR1 and nothing", None, Code.SOURCE_UNREADABLE, "cannot be read as Parquet"),
        ("a.csv", CSV, FileFormat(FileType.PARQUET), Code.SOURCE_UNREADABLE, "cannot be read as Parquet"),
        ("a.json", b"nothing", FileFormat(FileType.JSON), Code.SOURCE_UNREADABLE, "no whole JSON object"),
    ],
)
def test_what_cannot_be_looked_into_is_told_with_what_was_seen(
    peek: Callable[..., Peek], name: str, data: bytes, format_: FileFormat | None, code: Code, said: str
) -> None:
    """The message says what the first bytes are, and what to do."""
    with pytest.raises(Problem, match=said) as caught:
        peek(name, data, format_)
    assert caught.value.code is code


def test_the_format_that_is_asked_for_is_the_one_that_is_read(peek: Callable[..., Peek]) -> None:
    """Nothing is guessed when somebody knows."""
    found = peek("a.csv", b"1|2\n", FileFormat(delimiter="|", header=False, columns=("x", "y")))
    assert found.rows == ({"x": "1", "y": "2"},)


def test_a_file_that_is_missing_is_told_with_a_similar_name(opening: Opening, folder: Path) -> None:
    """As a copy would."""
    (folder / "leads.csv").write_bytes(CSV)
    with pytest.raises(Problem, match=r"did you mean .leads\.csv.") as caught:
        peek_file(PeekFile(WHERE, "leds.csv"), opening)
    assert caught.value.code is Code.SOURCE_NOT_FOUND
    assert peek_file(PeekFile(WHERE, "*.csv"), opening).rows[0]["id"] == "1"


def test_places_come_by_name_with_the_paths_that_sources_take(opening: Opening, folder: Path) -> None:
    """Folders end in a slash."""
    (folder / "sub" / "deep").mkdir(parents=True)
    (folder / "sub" / "b é.csv").write_bytes(CSV)
    (folder / "a.csv").write_bytes(CSV)
    assert check(WHERE, opening).items == ()
    found = list_places(ListPlaces(WHERE), opening)
    assert [(place.type, place.name, place.path, place.bytes) for place in found.items] == [
        (PlaceType.FILE, "a.csv", "a.csv", len(CSV)),
        (PlaceType.FOLDER, "sub", "sub/", None),
    ]
    below = list_places(ListPlaces(WHERE, "/sub"), opening)
    assert [(place.name, place.path) for place in below.items] == [("b é.csv", "sub/b é.csv"), ("deep", "sub/deep/")]
    with pytest.raises(Problem, match="no folder 'sup'"):
        list_places(ListPlaces(WHERE, "sup/"), opening)
    with pytest.raises(Problem, match="upwards"):
        list_places(ListPlaces(WHERE, "../"), opening)


def test_a_folder_with_too_many_places_says_that_there_are_more(opening: Opening, folder: Path) -> None:
    """The first by name are told, however they come."""
    for number in range(MAX_PLACES + 1):
        (folder / f"{number:05d}").touch()
    found = list_places(ListPlaces(WHERE), opening)
    assert (len(found.items), found.complete, found.items[0].name) == (MAX_PLACES, False, "00000")


def test_a_bucket_is_looked_into_as_a_folder_is(tmp_path: Path, s3_store: Shelf) -> None:
    """Where the connection leaves the bucket open, the root has the buckets; unknown keys are told by the check."""
    shelf = s3_store.fresh()
    table = pa.table({"n": range(300_000), "text": [str(number) * 3 for number in range(300_000)]})
    assert shelf.info is not None
    shelf.put("a.csv.gz", gzip.compress(CSV))
    shelf.put("b.parquet", _parquet(table))
    options = {key: value for key, value in shelf.info.options.items() if key not in {"bucket", "folder"}}
    opened = Opening(ConnectionInfo("s3", shelf.info.url, options), "", _roots(tmp_path))
    assert check(WHERE, opened).items == ()
    assert list_places(ListPlaces(WHERE), opened).items == (Place(PlaceType.FOLDER, "shelf", "shelf/"),)
    names = [place.path for place in list_places(ListPlaces(WHERE, f"shelf/{shelf.folder}"), opened).items]
    assert names == [f"shelf/{shelf.folder}/a.csv.gz", f"shelf/{shelf.folder}/b.parquet"]
    assert peek_file(PeekFile(WHERE, f"shelf/{shelf.folder}/a.csv.gz"), opened).rows[0] == {"id": "1", "name": "Ann"}
    assert peek_file(PeekFile(WHERE, f"shelf/{shelf.folder}/b.parquet", rows=2), opened).rows[1] == {
        "n": 1,
        "text": "111",
    }
    wrong = ConnectionInfo("s3", shelf.info.url, {**options, **shelf.wrong})
    with pytest.raises(Problem) as caught:
        check(Check(WHERE).where, Opening(wrong, "", _roots(tmp_path)))
    assert caught.value.code is Code.SOURCE_UNAUTHENTICATED
    assert "wrong" not in json.dumps(str(caught.value))
