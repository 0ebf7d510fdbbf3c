"""Korean spelling to Korean sounds, where espeak-ng reads letter by letter.

espeak-ng 1.51 says 합니다 as hap-ni-da and splits a figure from the word it counts (1번). Its input is therefore
respelt the way it is pronounced (함니다, 일번); what people read stays as written. Only the rules that telephone
sentences need.
"""

from __future__ import annotations

import re

_FIRST, _LAST = 0xAC00, 0xD7A3
# Index of consonants in Unicode's order of initials (19) and finals (28).
_INITIAL_N, _INITIAL_R, _INITIAL_M = 2, 5, 6
_FINAL_N, _FINAL_L, _FINAL_M, _FINAL_NG = 4, 8, 16, 21
_NASAL_OF = {
    **dict.fromkeys((1, 2, 3, 9, 24), _FINAL_NG),  # ㄱ ㄲ ㄳ ㄺ ㅋ
    **dict.fromkeys((7, 19, 20, 22, 23, 25, 27), _FINAL_N),  # ㄷ ㅅ ㅆ ㅈ ㅊ ㅌ ㅎ
    **dict.fromkeys((14, 17, 18, 26), _FINAL_M),  # ㄿ ㅂ ㅄ ㅍ
}
_DIGITS = ("", "일", "이", "삼", "사", "오", "육", "칠", "팔", "구")
_FIGURES = re.compile(r"[0-9]+")
_COUNTED = re.compile(r"([0-9]) (?=[번분초개월일])")
_INSERTED_N = {"십육": "십뉵", "백육": "백뉵"}
"""Compound figures insert ㄴ; assimilation then makes 심뉵 of 십육."""


def respell(text: str) -> str:
    """The text as it sounds: figures up to 99,999,999 in Sino-Korean words, nasals and liquids assimilated."""
    text = _FIGURES.sub(lambda match: figures(match[0]), _COUNTED.sub(r"\1", text))
    for written, spoken in _INSERTED_N.items():
        text = text.replace(written, spoken)
    letters = list(text)
    for index in range(len(letters) - 1):
        if _is_syllable(letters[index]) and _is_syllable(letters[index + 1]):
            letters[index], letters[index + 1] = _assimilate(letters[index], letters[index + 1])
    return "".join(letters)


def figures(written: str) -> str:
    """ASCII digits as Sino-Korean words; with a leading zero, or too long to be a count, one by one (010 = 공일공)."""
    if (len(written) > 1 and written.startswith("0")) or len(written) > 8:
        return "".join(_DIGITS[int(digit)] or "공" for digit in written)
    number = int(written)
    if number == 0:
        return "영"
    ten_thousands, rest = divmod(number, 10_000)
    many = "" if not ten_thousands else "만" if ten_thousands == 1 else _below_ten_thousand(ten_thousands) + "만"
    return many + _below_ten_thousand(rest)


def _below_ten_thousand(number: int) -> str:
    spoken = ""
    for unit, name in ((1000, "천"), (100, "백"), (10, "십"), (1, "")):
        count = number // unit % 10
        if count:
            spoken += ("" if count == 1 and name else _DIGITS[count]) + name
    return spoken


def _assimilate(first: str, second: str) -> tuple[str, str]:
    (head, final), (initial, tail) = divmod(ord(first) - _FIRST, 28), divmod(ord(second) - _FIRST, 21 * 28)
    if initial == _INITIAL_R and (final in _NASAL_OF or final in (_FINAL_M, _FINAL_NG)):
        initial = _INITIAL_N  # 독립: 동닙, 심리: 심니
    if initial in (_INITIAL_N, _INITIAL_M):
        final = _NASAL_OF.get(final, final)  # 합니다: 함니다, 국민: 궁민
    if (final, initial) in ((_FINAL_N, _INITIAL_R), (_FINAL_L, _INITIAL_N)):
        final, initial = _FINAL_L, _INITIAL_R  # 연락: 열락, 일년: 일련
    return chr(_FIRST + head * 28 + final), chr(_FIRST + initial * 21 * 28 + tail)


def _is_syllable(letter: str) -> bool:
    return _FIRST <= ord(letter) <= _LAST
