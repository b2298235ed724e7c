from __future__ import annotations

import pytest

from emailseq.lib.encrypted import Secret, SecretField, Undecipherable


@pytest.fixture(autouse=True)
def _ring(settings):
    settings.FIELD_KEYS = {"k2": "new key", "k1": "old key"}


def test_a_secret_is_revealed_to_who_asks_and_shown_to_nobody():
    secret = Secret.of("päss-word")

    assert secret.reveal() == "päss-word"
    assert [text.count("pä") for text in (str(secret), repr(secret), f"{secret}")] == [0, 0, 0]
    assert secret.token not in repr(secret)


def test_the_same_text_is_never_stored_alike():
    assert Secret.of("password") != Secret.of("password")


def test_a_key_works_while_it_is_in_the_ring(settings):
    settings.FIELD_KEYS = {"k1": "old key"}
    old = Secret.of("password")

    settings.FIELD_KEYS = {"k2": "new key", "k1": "old key"}
    assert old.reveal() == "password"
    new = Secret.of("password")

    settings.FIELD_KEYS = {"k2": "new key"}
    assert new.reveal() == "password"
    with pytest.raises(Undecipherable, match="FIELD_KEYS"):
        old.reveal()


def test_a_token_that_was_touched_is_refused():
    token = Secret.of("password").token

    with pytest.raises(Undecipherable):
        Secret(token[:-2] + ("A" if token[-2] != "A" else "B") + token[-1]).reveal()


def test_a_column_takes_secrets_only():
    column = SecretField()

    assert column.get_prep_value(Secret("token")) == "token"
    assert column.from_db_value("token") == Secret("token")
    assert column.get_prep_value(None) is column.from_db_value(None) is None
    with pytest.raises(TypeError):
        column.get_prep_value("password")
