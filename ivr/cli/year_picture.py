"""A year of opening hours as SVG: a column a day, a row an hour, so that what is odd stands out."""

from __future__ import annotations

from html import escape

from ivr.domain.year import Day, Year

DAY_W, HOUR_H, LEFT, TOP = 4, 8, 40, 30
GROUND = {"o": "#eef3f7", "c": "#f4f4f4", "h": "#fbdcd9", "e": "#fdedc2"}
OPEN = {"o": "#2f7fb5", "c": "#2f7fb5", "h": "#c0392b", "e": "#d68910"}
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def picture(title: str, year: Year) -> str:
    """One SVG document."""
    width, height = LEFT + len(year.days) * DAY_W + 10, TOP + 24 * HOUR_H + 30
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="11">',
        f'<rect width="{width}" height="{height}" fill="white"/><text x="{LEFT}" y="16">{escape(title)}: blue open, '
        "red public holiday, amber exception</text>",
    ]
    parts += [_day(place, day) for place, day in enumerate(year.days)]
    for hour in range(0, 25, 6):
        y = TOP + hour * HOUR_H
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4}" text-anchor="end">{hour:02}:00</text>')
        parts.append(f'<path d="M{LEFT} {y}H{width - 10}" stroke="#999" stroke-width=".5"/>')
    for place, day in enumerate(year.days):
        if day.date.day == 1:
            x = LEFT + place * DAY_W
            parts.append(f'<path d="M{x} {TOP}V{height - 20}" stroke="#777" stroke-width=".7"/>')
            parts.append(f'<text x="{x + 3}" y="{height - 8}">{MONTHS[day.date.month - 1]}</text>')
    return "\n".join([*parts, "</svg>"])


def _day(place: int, day: Day) -> str:
    x = LEFT + place * DAY_W
    told = escape(f"{day.date:%a %Y-%m-%d}: {day.spans or 'closed'} {day.detail}".rstrip())
    marks = [f'<rect x="{x}" y="{TOP}" width="{DAY_W}" height="{24 * HOUR_H}" fill="{GROUND[day.mark]}"/>']
    for stretch in day.stretches:
        if stretch.verdict.is_open:
            begins = stretch.begins.hour + stretch.begins.minute / 60
            y, high = TOP + begins * HOUR_H, stretch.minutes / 60 * HOUR_H
            marks.append(f'<rect x="{x}" y="{y:g}" width="{DAY_W - 0.5}" height="{high:g}" fill="{OPEN[day.mark]}"/>')
    return f"<g><title>{told}</title>{''.join(marks)}</g>"
