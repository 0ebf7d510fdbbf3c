"""What is wrong with scenario files, in English and Korean: kind -> (what, hint)."""

TEXTS = {
    "en": {
        "bad_moment": ("'{value}' is not a date and time", "Write the centre's local time, such as 2026-11-24 20:15"),
        "bad_move": (
            "'{value}' is nothing that a caller does",
            "Write keys (1, 900101#), silence, talk:5, say:words, hangup or how a wait ends (queue:TIMEOUT)",
        ),
        "not_answered_here": ("this centre does not answer {name}", "Did you mean: {nearest}"),
        "unknown_sound": ("nothing plays a prompt '{name}'", "Did you mean: {nearest}"),
        "proves_nothing": ("'{name}' says nothing of what must happen", "Add `must:` with a path or an outcome"),
    },
    "ko": {
        "bad_moment": ("'{value}'은(는) 날짜와 시각이 아닙니다", '센터의 시간대로 "2026-11-24 20:15"처럼 쓰십시오'),
        "bad_move": (
            "'{value}'은(는) 발신자가 할 수 있는 행동이 아닙니다",
            "버튼(1, 900101#), silence, talk:5, say:말, hangup, 또는 대기의 끝(queue:TIMEOUT)을 쓰십시오",
        ),
        "not_answered_here": ("이 센터는 {name}번을 받지 않습니다", "이것을 쓰려고 했습니까: {nearest}"),
        "unknown_sound": ("'{name}' 멘트를 재생하는 곳이 없습니다", "이것을 쓰려고 했습니까: {nearest}"),
        "proves_nothing": (
            "'{name}'에는 일어나야 하거나 일어나지 않아야 할 일이 없습니다",
            "`must:`에 경로나 결과를 쓰십시오",
        ),
    },
}
