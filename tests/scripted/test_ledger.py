"""The books: what is written is read back, torn tails are harmless, numbers go on."""

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from orchvynt.scripted.ledger import Arrived, Billed, Charge, Ledger, LedgerWriter


def arrival(n: int, provider: str = "p", last_user: str = "hi") -> Arrived:
    return Arrived(n, 1, provider, "openai", "m", "/v1/chat/completions", False, "", "", "00", None, last_user)


def test_what_is_written_is_read_back_with_its_totals(tmp_path: Path) -> None:
    writer = LedgerWriter(tmp_path / "l")
    for provider in ("a", "b", "a"):
        writer.append(arrival(writer.next_number(), provider))
    writer.append(Charge(1, 2, Billed(10, 5), "whole"))
    writer.append(Charge(2, 2, Billed(1, 1), "gone"))
    writer.close()
    ledger = Ledger.read(tmp_path / "l")
    assert (ledger.totals.arrivals, ledger.totals.charged, ledger.totals.open, ledger.totals.tokens) == (3, 2, 1, 17)
    assert ledger.where(provider="a").totals.tokens == 15
    assert ledger.where(since=1).totals.tokens == 2
    assert ledger.where(model="other").totals.arrivals == 0
    assert ledger.last == 3
    charge = ledger.charge(2)
    assert charge is not None
    assert charge.how == "gone"


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 400))
def test_a_torn_tail_loses_only_itself_and_numbers_go_on(tmp_path_factory: object, cut: int) -> None:
    path = Path(tmp_path_factory.mktemp("l"), "l")  # type: ignore[attr-defined]  # hypothesis passes fixtures through untyped
    writer = LedgerWriter(path)
    for _ in range(3):
        writer.append(arrival(writer.next_number(), last_user="ü\n" * 20))
    writer.close()
    data = path.read_bytes()
    path.write_bytes(data[: -min(cut, len(data) - 1)])
    before = Ledger.read(path)
    again = LedgerWriter(path)
    again.append(arrival(again.next_number()))
    again.close()
    after = Ledger.read(path)
    assert after.arrivals[: len(before.arrivals)] == before.arrivals
    assert after.last == before.last + 1
    assert len(after.arrivals) == len(before.arrivals) + 1


def test_a_ledger_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert Ledger.read(tmp_path / "none").totals.arrivals == 0
