"""Names (contract 1): which ones resources may have. They keep the case of their first PUT and match in any case."""

import re

from headrace.api.datafactory.errors import bad_request

_FACTORY = re.compile(r"(?=.{3,63}\Z)[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*")
_GROUP = re.compile(r"[-\w._()]{1,90}")
_RESOURCE = re.compile(r"[A-Za-z0-9_][^<>*#.%&:\\+?/\x00-\x1f\x7f]{0,259}")
_SUBSCRIPTION = re.compile(r"[^/\x00-\x1f\x7f]{1,200}")
_DOTS = frozenset({".", ".."})
LONGEST = 260
"""Characters of the longest name of a resource, and of an activity."""


def key_of(name: str) -> str:
    """Return what ``name`` is looked up by."""
    return name.lower()


def is_resource_name(name: str) -> bool:
    """Say whether a pipeline, dataset, linked service, trigger, data flow or activity may have this name."""
    return _RESOURCE.fullmatch(name) is not None


def check_resource(name: str) -> str:
    """Return the name of a pipeline, dataset, linked service, trigger or data flow.

    Raises:
        Refusal: 400, target = the name.
    """
    if not is_resource_name(name):
        raise bad_request(
            f"The name '{name[:LONGEST]}' is not valid: a name begins with a letter, a digit or _, has 1 to {LONGEST} characters, "
            "and none of < > * # . % & : \\ + ? /.",
            name,
        )
    return name


def check_factory(name: str) -> str:
    """Return the name of a factory.

    Raises:
        Refusal: 400, target = the name.
    """
    if not _FACTORY.fullmatch(name):
        raise bad_request(
            f"The factory name '{name[:LONGEST]}' is not valid: it has 3 to 63 letters, digits and single hyphens, and no hyphen at its ends.",
            name,
        )
    return name


def check_place(subscription: str, group: str) -> None:
    """Check the names of a subscription and a resource group, which exist implicitly.

    Raises:
        Refusal: 400, target = the name.
    """
    check_subscription(subscription)
    if not _GROUP.fullmatch(group) or group in _DOTS:
        raise bad_request(
            f"The resource group name '{group[:LONGEST]}' is not valid: it has 1 to 90 letters, digits and - . _ ( ).",
            group,
        )


def check_subscription(subscription: str) -> None:
    """Check the name of a subscription.

    Raises:
        Refusal: 400, target = the name.
    """
    if not _SUBSCRIPTION.fullmatch(subscription) or subscription in _DOTS:
        raise bad_request(
            f"The subscription '{subscription[:LONGEST]}' is not valid: it has 1 to 200 characters.", subscription
        )
