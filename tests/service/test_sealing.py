"""Secrets are unreadable without the key, and in no other place."""

import base64
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.service.sealing import MASK, Sealer, parse_keys, put_back, read_or_make_keys, take_out

_OLD, _NEW = os.urandom(32), os.urandom(32)


def test_a_sealed_secret_opens_where_it_was_sealed_for() -> None:
    """What was sealed for a place is the same there."""
    sealer = Sealer([_NEW])
    assert sealer.open(sealer.seal("canary", "local", "c1"), "local", "c1") == "canary"


def test_a_sealed_secret_opens_nowhere_else() -> None:
    """A sealed text that is copied into another tenant's document is worthless."""
    sealer = Sealer([_NEW])
    sealed = sealer.seal("canary", "local", "c1")
    with pytest.raises(Problem) as caught:
        sealer.open(sealed, "other", "c1")
    assert "canary" not in str(caught.value)


def test_a_changed_text_does_not_open() -> None:
    """Whoever can write to the ledger cannot forge a secret."""
    sealer = Sealer([_NEW])
    sealed = sealer.seal("canary", "c1")
    with pytest.raises(Problem, match="changed"):
        sealer.open(sealed[:-4] + "AAAA", "c1")


def test_after_a_rotation_old_secrets_open_and_new_ones_use_the_new_key() -> None:
    """The first key seals; every key opens."""
    sealed = Sealer([_OLD]).seal("canary", "c1")
    rotated = Sealer([_NEW, _OLD])
    assert rotated.open(sealed, "c1") == "canary"
    assert rotated.seal("canary", "c1").split(".")[1] == Sealer([_NEW]).key_id


def test_a_missing_key_says_which_setting_to_give() -> None:
    """An operator who restored a ledger without its key learns what is missing."""
    with pytest.raises(Problem, match="HEADRACE_SECRET_KEY") as caught:
        Sealer([_NEW]).open(Sealer([_OLD]).seal("canary", "c1"), "c1")
    assert caught.value.code is Code.UNAVAILABLE


def test_keys_are_32_bytes_of_base64_and_never_repeated_in_messages() -> None:
    """A wrong key is refused by its number only."""
    good = base64.b64encode(_NEW).decode()
    assert parse_keys(f"{good}, {good}") == (_NEW, _NEW)
    with pytest.raises(Problem, match="key 2") as caught:
        parse_keys(f"{good},Y2FuYXJ5")
    assert "Y2FuYXJ5" not in str(caught.value)


def test_the_key_file_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    """Every process reads the same key, and nobody else does."""
    file = tmp_path / "secret.key"
    assert read_or_make_keys(file) == read_or_make_keys(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """A key in everybody's hands is not used silently."""
    file = tmp_path / "secret.key"
    read_or_make_keys(file)
    file.chmod(0o644)
    with pytest.raises(Problem, match="chmod 600"):
        read_or_make_keys(file)


_DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["user", "password", "a/b", "~"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(body=_DOCUMENTS)
def test_secrets_taken_out_and_put_back_give_the_same_texts(body: Json) -> None:
    """No secret is lost or moved, whatever the document looks like."""
    shown, secrets = take_out(body, lambda key: key == "password")
    again, _ = take_out(put_back(shown, secrets), lambda key: key == "password")
    assert again == shown
    assert take_out(put_back(shown, secrets), lambda key: key == "password")[1] == secrets


def test_an_update_with_the_mask_takes_no_secret_away() -> None:
    """A document that was read and sent back unchanged keeps its secret."""
    shown, secrets = take_out({"auth": {"password": "canary"}}, lambda key: key == "password")
    assert shown == {"auth": {"password": MASK}}
    assert take_out(shown, lambda key: key == "password") == (shown, {})
    assert put_back(shown, secrets) == {"auth": {"password": "canary"}}
