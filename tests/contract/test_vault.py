"""The `Vault` port, and what only the real one promises."""

from __future__ import annotations

import base64
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.adapters.keys import KeyRing
from ivr.adapters.vault import KNOWN_S, KeyVault, day_key
from ivr.engine.ports import Vault
from ivr.errors import DestroyedError, OperatorError
from ivr.testing.worlds import PlainVault

KEY = bytes(range(32))
OTHER = bytes(range(1, 33))
NUMBER = "01098765432"
TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]))


@pytest.fixture(params=["key", "ring", "plain"])
def vault(request: pytest.FixtureRequest, tmp_path: Path) -> Vault:
    match request.param:
        case "key":
            return KeyVault(KEY)
        case "ring":
            return KeyVault(KEY, KeyRing(secrets=tmp_path / "secrets", keys=tmp_path / "keys"))
        case _:
            return PlainVault()


@pytest.mark.parametrize("text", ["", NUMBER, "한국어 🙂", "a,b\"c'd\\e\n", "x" * 10_000])
def test_what_is_sealed_is_unsealed(vault: Vault, text: str) -> None:
    assert vault.unseal(vault.seal(text)) == text
    assert vault.unseal(vault.seal(text, "120")) == text


@pytest.mark.parametrize("token", ["", NUMBER, "s9.00000000.AAAA", "{}"])
def test_what_was_never_sealed_is_refused(vault: Vault, token: str) -> None:
    with pytest.raises(OperatorError):
        vault.unseal(token)


def test_equal_texts_have_equal_keys_that_do_not_show_them(vault: Vault) -> None:
    assert vault.key_of(NUMBER) == vault.key_of(NUMBER)
    assert vault.key_of(NUMBER) != vault.key_of(NUMBER + "0")
    assert NUMBER not in vault.key_of(NUMBER)
    int(vault.key_of(NUMBER), 16)


def _bytes_of(token: str) -> bytes:
    payload = token.rpartition(".")[2]
    return base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))


class TestKeyVault:
    @given(TEXT)
    def test_a_token_is_one_word_that_fits_anywhere(self, text: str) -> None:
        token = KeyVault(KEY).seal(text)
        assert not set(token) - set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")
        assert KeyVault(KEY).unseal(token) == text

    def test_equal_texts_have_different_tokens(self) -> None:
        assert KeyVault(KEY).seal(NUMBER) != KeyVault(KEY).seal(NUMBER)

    def test_another_key_is_named(self) -> None:
        token = KeyVault(OTHER).seal(NUMBER)
        with pytest.raises(OperatorError, match=KeyVault(OTHER).key_id):
            KeyVault(KEY).unseal(token)

    def test_another_key_finds_nothing(self) -> None:
        assert KeyVault(OTHER).key_of(NUMBER) != KeyVault(KEY).key_of(NUMBER)

    @given(st.data(), st.integers(0, 10_000))
    def test_any_altered_token_is_refused(self, data: st.DataObject, where: int) -> None:
        token = KeyVault(KEY).seal(NUMBER)
        place = where % len(token)
        other = data.draw(st.sampled_from("ABCxyz012-_.").filter(lambda character: character != token[place]))
        altered = token[:place] + other + token[place + 1 :]
        if place == len(token) - 1 and _bytes_of(altered) == _bytes_of(token):
            return  # the last character has bits that mean nothing
        with pytest.raises(OperatorError) as refused:
            KeyVault(KEY).unseal(altered)
        assert NUMBER not in str(refused.value)

    @given(st.integers(0, 60))
    def test_any_cut_token_is_refused(self, length: int) -> None:
        token = KeyVault(KEY).seal(NUMBER)
        with pytest.raises(OperatorError):
            KeyVault(KEY).unseal(token[: min(length, len(token) - 1)])

    @given(st.text())
    def test_any_text_is_refused_in_words(self, text: str) -> None:
        with pytest.raises(OperatorError):
            KeyVault(KEY).unseal(f"s1.{KeyVault(KEY).key_id}.{text}")

    @pytest.mark.parametrize("size", [0, 16, 31, 33])
    def test_the_length_of_the_key(self, size: int) -> None:
        with pytest.raises(OperatorError, match=str(size)):
            KeyVault(bytes(size))

    @pytest.mark.parametrize("content", ["", "zz" * 32, "ab" * 31, "열쇠", "ab" * 32 + "zz"])
    def test_a_wrong_key_file(self, tmp_path: Path, content: str) -> None:
        path = tmp_path / "seal.key"
        path.write_text(content, encoding="utf-8")
        with pytest.raises(OperatorError):
            KeyVault.from_file(path)

    def test_a_missing_key_file(self, tmp_path: Path) -> None:
        with pytest.raises(OperatorError, match="cannot read"):
            KeyVault.from_file(tmp_path / "none")

    def test_a_key_file(self, tmp_path: Path) -> None:
        path = tmp_path / "seal.key"
        path.write_text(KEY.hex() + "\n", encoding="ascii")
        assert KeyVault.from_file(path).unseal(KeyVault(KEY).seal(NUMBER)) == NUMBER


class TestDays:
    """Tokens end with their centre's day."""

    @pytest.fixture(autouse=True)
    def world(self, tmp_path: Path) -> None:
        self.ring = KeyRing(secrets=tmp_path / "secrets", keys=tmp_path / "keys")
        self.now = datetime(2026, 11, 23, 23, 59, tzinfo=UTC)
        self.seconds = 0.0

    def vault(self) -> KeyVault:
        return KeyVault(KEY, self.ring, now=lambda: self.now, monotonic=lambda: self.seconds)

    def test_a_token_names_its_centre_and_day(self) -> None:
        vault = self.vault()
        assert vault.seal(NUMBER, "120").startswith("s1.120-20261123.")
        assert vault.seal(NUMBER).startswith("s1._-20261123.")
        self.now += timedelta(minutes=2)
        assert vault.seal(NUMBER, "120").startswith("s1.120-20261124.")

    def test_an_older_token_is_read_in_another_process(self) -> None:
        token = self.vault().seal(NUMBER, "120")
        self.now += timedelta(days=30)
        assert self.vault().unseal(token) == NUMBER

    def test_a_token_of_an_older_release_is_read(self) -> None:
        assert self.vault().unseal(KeyVault(KEY).seal(NUMBER)) == NUMBER

    def test_a_destroyed_day_is_unreadable_and_no_other(self) -> None:
        vault = self.vault()
        gone, other = vault.seal(NUMBER, "120"), vault.seal(NUMBER, "121")
        self.now += timedelta(days=1)
        later = vault.seal(NUMBER, "120")
        self.ring.destroy(day_key("120", date(2026, 11, 23)))
        self.seconds += KNOWN_S
        with pytest.raises(DestroyedError) as refused:
            vault.unseal(gone)
        assert NUMBER not in str(refused.value)
        assert vault.unseal(other) == vault.unseal(later) == NUMBER

    def test_a_destroyed_key_is_not_used_for_long(self) -> None:
        vault = self.vault()
        token = vault.seal(NUMBER, "120")
        self.ring.destroy(day_key("120", date(2026, 11, 23)))
        self.seconds += KNOWN_S - 1
        vault.unseal(token)
        self.seconds += 1
        with pytest.raises(DestroyedError):
            vault.unseal(token)

    def test_keys_are_there_before_they_are_needed(self) -> None:
        self.vault().prepare("120")
        assert list(self.ring.names("120/days")) == ["120/days/2026-11-23", "120/days/2026-11-24"]

    def test_without_a_place_for_keys_a_call_goes_on(self, tmp_path: Path) -> None:
        (tmp_path / "keys").write_text("not a folder")
        vault = self.vault()
        token = vault.seal(NUMBER, "120")
        assert token.startswith(f"s1.{vault.key_id}.")
        assert vault.unseal(token) == NUMBER

    @pytest.mark.parametrize(
        "key_id",
        ["120-20261399", "120-2026", "..-20261123", "a/b-20261123", "-20261123", "120-20261123x", "1-2-20261123"],
    )
    def test_a_key_id_that_is_none_is_refused(self, key_id: str) -> None:
        with pytest.raises(OperatorError):
            self.vault().unseal(f"s1.{key_id}.AAAA")

    def test_equal_texts_have_equal_keys_over_days(self) -> None:
        before = self.vault().key_of(NUMBER)
        self.now += timedelta(days=400)
        assert self.vault().key_of(NUMBER) == before
