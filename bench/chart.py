"""The measurements as a picture: one SVG file that needs nothing beside it."""

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Final

from report import Summary
from workloads import OWN

WIDTH: Final = 760
LEFT: Final = 110
RIGHT: Final = 190
ROW: Final = 20
GAP: Final = 46
TOP: Final = 66
GREEN: Final = "#0b6e4f"
GREY: Final = "#9aa5b1"
INK: Final = "#1f2933"
FAINT: Final = "#d5dae0"


def chart(found: Sequence[Summary], titles: Mapping[str, str], caption: str) -> str:
    """Requests per second of the system's own CPU time, on a logarithmic scale; the thin line is the spread over the rounds."""
    workloads = [name for name in titles if any(each.workload == name for each in found)]
    if not workloads:
        return ""
    low = 10 ** math.floor(math.log10(max(1.0, min(each.least_per_core_second for each in found))))
    high = 10 ** math.ceil(math.log10(max(each.most_per_core_second for each in found) + 1))
    height = TOP + sum(GAP + ROW * sum(each.workload == name for each in found) for name in workloads) + 16

    def across(value: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * math.log10(max(value, low) / low) / math.log10(high / low)

    parts = [
        _text(16, 26, "Requests per second of one core, on a logarithmic scale", size=16, weight="bold"),
        _text(16, 46, caption, fill="#52606d", size=11),
    ]
    tick = low
    while tick <= high:
        parts.append(f'<line x1="{across(tick):.1f}" x2="{across(tick):.1f}" y1="{TOP}" y2="{height - 22}" stroke="{FAINT}"/>')
        parts.append(_text(across(tick), height - 8, f"{tick:,}", fill="#52606d", size=10, anchor="middle"))
        tick *= 10
    y = float(TOP)
    for name in workloads:
        y += GAP / 2 + 6
        parts.append(_text(16, y, f"{name}: {titles[name]}", weight="bold", size=12))
        y += GAP / 2 - 14
        for each in sorted((one for one in found if one.workload == name), key=lambda one: -one.per_core_second):
            parts += _bar(each, across, y)
            y += ROW
        y += 8
    style = 'font-family="system-ui, sans-serif"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" {style}>'
        f'<rect width="100%" height="100%" fill="white"/>{"".join(parts)}</svg>\n'
    )


def _bar(each: Summary, across: Callable[[float], float], y: float) -> list[str]:
    own = each.system in OWN
    begin, end = across(0), across(each.per_core_second)
    label = f"{each.per_core_second:,.0f}" + ("" if each.of_nginx is None else f"  ({each.of_nginx:.1%} of nginx)")
    spread = across(each.least_per_core_second), across(each.most_per_core_second)
    return [
        _text(LEFT - 8, y + 13, each.system, anchor="end", size=12, weight="bold" if own else "normal"),
        f'<rect x="{begin:.1f}" y="{y + 3:.1f}" width="{max(1.0, end - begin):.1f}" height="{ROW - 6}" fill="{GREEN if own else GREY}"/>',
        f'<line x1="{spread[0]:.1f}" x2="{spread[1]:.1f}" y1="{y + ROW / 2:.1f}" y2="{y + ROW / 2:.1f}" stroke="{INK}"/>',
        _text(max(end, spread[1]) + 6, y + 13, label, size=11),
    ]


def _text(x: float, y: float, words: str, fill: str = INK, size: int = 12, weight: str = "normal", anchor: str = "start") -> str:
    look = f'fill="{fill}" font-size="{size}" font-weight="{weight}" text-anchor="{anchor}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {look}>{escape(words)}</text>'
