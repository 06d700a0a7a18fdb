"""One record, told to a person: a verdict in one sentence, a timeline, and totals. Pure; it never asks the store or the clock."""

from orchvynt.lifecycle.explain.explanation import explain
from orchvynt.lifecycle.explain.shapes import Entry, Explanation, Totals

__all__ = ["Entry", "Explanation", "Totals", "explain"]
