"""What a visitor's user agent says, and the identifiers of visitors."""

from typing import Final

from headrace.language.dataprep.table import Function, Site, function
from headrace.language.dataprep.values import STRING, Value, strict

_AGENT: Final = "user agent"
_EXAMPLE: Final = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 5_1_1 like Mac OS X) AppleWebKit/534.46 (KHTML, like Gecko) "
    "Version/5.1 Mobile/9B206 Safari/7534.48.3"
)


def _agent(name: str, doc: str, result: str) -> Function:
    def build(site: Site) -> Value:
        text = site.take(0, STRING)
        answer = f"headrace_agent({text.sql})"
        found = strict(answer, STRING, [text], fails=True)
        return Value(f"struct_extract({answer}, '{name}')", STRING, found.error, found.sound)

    return function(f"ua_{name}(s)", _AGENT, doc, f'ua_{name}("{_EXAMPLE}") -> {result}')(build)


@function(
    "fpid_to_ecid(s)",
    "digest",
    "Always a transform error but for null: how an ECID is made of a first-party device id is not public.",
    "fpid_to_ecid(null) -> null",
)
def _fpid_to_ecid(site: Site) -> Value:
    text = site.take(0, STRING)
    failed = Value("CAST(NULL AS VARCHAR)", STRING, f"({text.sql} IS NOT NULL)")
    return failed.with_errors_of(text)


FUNCTIONS: tuple[Function, ...] = (
    _agent("os_name", "The name of the operating system of a user agent.", "iOS"),
    _agent("os_version", "The version of the operating system of a user agent.", "5.1.1"),
    _agent("os_version_major", "Name and major version of the operating system of a user agent.", "iOS 5"),
    _agent("os_name_version", "Name and version of the operating system of a user agent.", "iOS 5.1.1"),
    _agent("agent_name", "The name of the browser of a user agent.", "Safari"),
    _agent("agent_version", "The version of the browser of a user agent.", "5.1"),
    _agent("agent_version_major", "Name and major version of the browser of a user agent.", "Safari 5"),
    _agent(
        "device_class",
        "The class of device of a user agent: Desktop, Phone, Tablet, Mobile, Watch, eReader, TV, Set-top box, Game Console, Handheld Game "
        "Console, Home Appliance, Car, Voice, Augmented Reality, Virtual Reality, Robot, Robot Mobile, Cloud, Hacker, Anonymized, Unknown.",
        "Phone",
    ),
    _fpid_to_ecid,
)
"""The functions of visitors."""
