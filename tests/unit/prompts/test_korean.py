"""Respelling for the synthesiser: standard pronunciation of what telephone sentences contain."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.adapters.prompts.korean import figures, respell


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("감사합니다.", "감사함니다."),
        ("입니다", "임니다"),
        ("국민연금은 1번", "궁민연금은 일번"),
        ("상담원은 0 번", "상담원은 영번"),
        ("120 공공", "백이십 공공"),
        ("등록되지 않은", "등녹되지 않은"),
        ("연락받으실", "열락받으실"),
        ("업무", "엄무"),
        ("놓는", "논는"),
        ("십육일", "심뉵일"),
        ("아홉 시", "아홉 시"),
        ("press 1.", "press 일."),
    ],
)
def test_pronunciation(written: str, spoken: str) -> None:
    assert respell(written) == spoken


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("0", "영"),
        ("10", "십"),
        ("11111", "만천백십일"),
        ("20305", "이만삼백오"),
        ("010", "공일공"),
        ("123456789", "일이삼사오육칠팔구"),
    ],
)
def test_figures(written: str, spoken: str) -> None:
    assert figures(written) == spoken


@given(st.text())
def test_any_text_can_be_respelt(text: str) -> None:
    assert not any(digit in respell(text) for digit in "0123456789")
