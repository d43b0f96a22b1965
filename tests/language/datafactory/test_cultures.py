"""Names of cultures, and what dates look like in them."""

import pytest

from headrace.language.datafactory.cultures import EN_US, culture
from headrace.language.datafactory.dateformats import written
from headrace.language.datafactory.moments import read_moment

MOMENT = read_moment("2018-03-05T14:07:09Z")

WRITTEN = [
    ("en-US", "D", "Monday, March 5, 2018"),
    ("en-us", "d", "3/5/2018"),
    ("en-GB", "d", "05/03/2018"),
    ("en-GB", "D", "Monday, 5 March 2018"),
    ("en-GB", "t", "14:07"),
    ("de-DE", "d", "05.03.2018"),
    ("de-DE", "D", "Montag, 5. März 2018"),
    ("de-DE", "dd/MM/yyyy", "05.03.2018"),
    ("de", "dddd", "Montag"),
    ("fr-FR", "D", "lundi 5 mars 2018"),
    ("FR-fr", "MMMM", "mars"),
    ("fr-FR", "m", "5 mars"),
    ("es-ES", "D", "lunes, 5 de marzo de 2018"),
    ("es-ES", "y", "marzo de 2018"),
    ("it-IT", "dddd d MMMM", "lunedì 5 marzo"),
    ("nl-NL", "d", "05-03-2018"),
    ("sv-SE", "G", "2018-03-05 14:07:09"),
    ("da-DK", "T", "14.07.09"),
    ("da-DK", "HH:mm", "14.07"),
    ("fr-CA", "HH:mm", "14 h 07"),
    ("pt-BR", "D", "segunda-feira, 5 de março de 2018"),
    ("ru-RU", "d MMMM", "5 марта"),
    ("ja-JP", "D", "2018年3月5日月曜日"),
    ("zh-CN", "y", "2018年3月"),
    ("ko-KR", "t", "오후 2:07"),
    ("", "D", "Monday, 05 March 2018"),
    ("", "G", "03/05/2018 14:07:09"),
    ("de-DE", "r", "Mon, 05 Mar 2018 14:07:09 GMT"),
    ("da-DK", "s", "2018-03-05T14:07:09"),
    ("da-DK", "o", "2018-03-05T14:07:09.0000000Z"),
]


@pytest.mark.parametrize(("name", "pattern", "expected"), WRITTEN)
def test_a_date_is_written_in_a_culture(name: str, pattern: str, expected: str) -> None:
    """Names and patterns are the culture's; the formats for machines are the same everywhere."""
    assert written(MOMENT, pattern, culture(name)) == expected


@pytest.mark.parametrize("name", ["xx", "xx-YY", "en_US", "english", "en-US-x-private", "e", "12", "../en", "fr-FR "])
def test_an_unknown_culture_is_refused(name: str) -> None:
    """A misspelt name must not silently become another culture."""
    with pytest.raises(LookupError):
        culture(name)


def test_names_of_one_culture_do_not_reach_another() -> None:
    """Babel resolves shared tables in place: after Japanese, Italian's months were Japanese."""
    culture("ja-JP")
    assert culture("it-CH").months[2] == "marzo"
    assert culture("da-GL").months[2] == "marts"


def test_english_is_as_cldr_has_it() -> None:
    """The culture that is written down differs from CLDR's in nothing but the release that it is of."""
    assert culture("en").long_date == EN_US.long_date
    assert culture("en").months == EN_US.months
