"""The `Vault` port, and what only the real one promises."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.adapters.vault import KeyVault
from ivr.engine.ports import Vault
from ivr.errors import OperatorError
from ivr.testing.worlds import PlainVault

KEY = bytes(range(32))
OTHER = bytes(range(1, 33))
NUMBER = "01098765432"
TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]))


@pytest.fixture(params=[KeyVault(KEY), PlainVault()], ids=["key", "plain"])
def vault(request: pytest.FixtureRequest) -> Vault:
    found: Vault = request.param
    return found


@pytest.mark.parametrize("text", ["", NUMBER, "한국어 🙂", "a,b\"c'd\\e\n", "x" * 10_000])
def test_what_is_sealed_is_unsealed(vault: Vault, text: str) -> None:
    assert vault.unseal(vault.seal(text)) == text


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
