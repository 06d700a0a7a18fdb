"""How instants, durations, money and shares look in a terminal."""

from datetime import UTC, datetime
from typing import Final

from orchvynt.lifecycle.explain.phrases import dollars, duration_text

NANOS_PER_MS: Final = 1_000_000
NANOS_PER_SECOND: Final = 1_000_000_000
DAY: Final = 24 * 3600 * NANOS_PER_SECOND
NANOS_PER_CENT: Final = 10_000_000
BAR_CELLS: Final = 20


def instant(text: str) -> int:
    """RFC 3339 → nanoseconds UTC; 0 for what is none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return 0
    since = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - datetime(1970, 1, 1, tzinfo=UTC)
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1_000


def relative(text: str, now: int) -> str:
    """`3 min ago`, `in 2 h`, `just now`; `-` for none. Beyond two days in days."""
    at = instant(text)
    if not at:
        return "-"
    away = abs(now - at)
    if away < NANOS_PER_SECOND:
        return "just now"
    amount = f"{away // DAY} days" if away >= 2 * DAY else _short(away)
    return f"{amount} ago" if at <= now else f"in {amount}"


def _short(nanos: int) -> str:
    """A duration in one unit: `12 s`, `3 min`, `2 h`."""
    seconds = nanos // NANOS_PER_SECOND
    if seconds < 60:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 2 * 3600 else f"{seconds // 3600} h"


def spent(milliseconds: float) -> str:
    """Milliseconds as `12 ms`, `4.2 s`."""
    return duration_text(int(milliseconds * NANOS_PER_MS))


def after(milliseconds: float) -> str:
    """How long after the beginning, so that what came one after the other can be told apart: `12 ms`, `4.217 s`, `3 min 5 s`."""
    return f"{milliseconds / 1000:.3f} s" if 1000 <= milliseconds < 60_000 else spent(milliseconds)


def amount(value: int | None, money: bool) -> str:
    """Nano-dollars or tokens; `-` for what there is no limit on."""
    if value is None:
        return "-"
    return dollars(value) if money else f"{value:,}"


def neat(nanos: int) -> str:
    """Nano-dollars as a person reads them: `$1,234.57`, `$0.0031`; of less than a dollar, three digits, so that what is
    spent of a small limit does not look like all of it."""
    sign, whole = ("-", -nanos) if nanos < 0 else ("", nanos)
    if whole >= 100 * NANOS_PER_CENT or not whole % NANOS_PER_CENT:
        cents = (whole + NANOS_PER_CENT // 2) // NANOS_PER_CENT
        return f"{sign}${cents // 100:,}.{cents % 100:02d}"
    unit = 10 ** max(0, len(str(whole)) - 3)
    return sign + dollars((whole + unit // 2) // unit * unit)


def percent(used: float) -> str:
    """A share as `60%`; what is not all is not shown as 100 %, and what is not nothing not as 0 %."""
    if 0 < used < 0.01:
        return "<1%"
    return f"{99 if 0.99 <= used < 1 else used * 100:.0f}%"


def share(part: int, whole: int) -> float:
    """How much of a limit is used; a limit of nothing is used up."""
    return part / whole if whole > 0 else 1.0


def bar(settled: int, held: int, limit: int, cells: int = BAR_CELLS) -> tuple[int, int, int]:
    """Cells of a bar that are settled, held and free; what is there shows at least one cell, and all sum to the bar's length."""
    if limit <= 0:
        return cells, 0, 0
    full = min(cells, -(-settled * cells // limit)) if settled > 0 else 0
    pending = min(cells - full, -(-held * cells // limit)) if held > 0 else 0
    return full, pending, cells - full - pending
