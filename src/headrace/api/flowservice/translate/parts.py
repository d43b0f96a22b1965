"""The parts of XDM that are built in (10): classes, behaviours and the groups of fields that tutorials use. Data and no rules."""

from collections.abc import Mapping
from typing import Any

XDM = "https://ns.adobe.com/xdm/"
PROFILE = XDM + "context/profile"
EVENT = XDM + "context/experienceevent"
RECORD, SERIES, AD_HOC = XDM + "data/record", XDM + "data/time-series", XDM + "data/adhoc"

Part = Mapping[str, Any]


def _text(**more: Any) -> dict[str, Any]:
    return {"type": "string", **more}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


_INSTANT = _text(format="date-time")
_ADDRESS = _object(street1=_text(), city=_text(), stateProvince=_text(), postalCode=_text(), country=_text())
_PERSON = {
    "person": _object(
        name=_object(firstName=_text(), middleName=_text(), lastName=_text(), fullName=_text()),
        birthDate=_text(format="date"),
        gender=_text(),
    )
}
_PERSONAL = {
    "personalEmail": _object(address=_text()),
    "mobilePhone": _object(number=_text()),
    "homePhone": _object(number=_text()),
    "homeAddress": _ADDRESS,
}
_WORK = {"workEmail": _object(address=_text()), "workAddress": _ADDRESS}


def _part(name: str, title: str, kind: str, properties: Mapping[str, Any], **more: Any) -> tuple[str, Part]:
    part = {"title": title, "type": "object", "meta:resourceType": kind, "properties": dict(properties), **more}
    return XDM + name, part


BUILT_IN: Mapping[str, Part] = dict(
    [
        # The class contains the fields of three groups, so that the usual tutorial's schema works (10).
        _part(
            "context/profile",
            "XDM Individual Profile",
            "classes",
            {"_id": _text(), **_PERSON, **_PERSONAL, **_WORK},
            **{"meta:extends": [RECORD], "meta:abstract": False},
        ),
        _part(
            "context/experienceevent",
            "XDM ExperienceEvent",
            "classes",
            {"_id": _text(), "timestamp": _INSTANT, "eventType": _text()},
            **{"required": ["_id", "timestamp"], "meta:extends": [SERIES], "meta:abstract": False},
        ),
        _part("data/record", "Record Schema", "behaviors", {}),
        _part("data/time-series", "Time-series Schema", "behaviors", {}),
        _part("data/adhoc", "Ad Hoc Schema", "behaviors", {}),
        _part(
            "context/identitymap",
            "IdentityMap",
            "mixins",
            {"identityMap": {"type": "object"}},
            **{"meta:intendedToExtend": [PROFILE, EVENT]},
        ),
        _part(
            "common/auditable",
            "External Source System Audit Attributes",
            "mixins",
            {"createdByBatchID": _text(), "modifiedByBatchID": _text(), "repositoryCreatedBy": _text()},
        ),
        _part("common/extensible", "Extensibility base schema", "mixins", {}),
        _part(
            "context/profile-person-details",
            "Demographic Details",
            "mixins",
            _PERSON,
            **{"meta:intendedToExtend": [PROFILE]},
        ),
        _part(
            "context/profile-personal-details",
            "Personal Contact Details",
            "mixins",
            _PERSONAL,
            **{"meta:intendedToExtend": [PROFILE]},
        ),
        _part(
            "context/profile-work-details",
            "Work Contact Details",
            "mixins",
            _WORK,
            **{"meta:intendedToExtend": [PROFILE]},
        ),
    ]
)
"""Every part by its ``$id``."""


def alternative_id(subject: str) -> str:
    """Return the ``meta:altId`` of a part of Adobe's."""
    return "_xdm." + subject.removeprefix(XDM).replace("/", ".")


def find_part(subject: str) -> str | None:
    """Return the ``$id`` of the built-in part with this ``$id`` or ``meta:altId``, or None."""
    if subject in BUILT_IN:
        return subject
    return next((known for known in BUILT_IN if alternative_id(known) == subject), None)
