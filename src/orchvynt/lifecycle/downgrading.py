"""Past the limit of a budget that downgrades only its own model is admitted: whether it may be asked, and when its turn is.

The first candidate without room decides, by the first budget that it did not fit on. Where that budget's model has no room either, its
own budget decides, and so on: a budget may lead to a model that a wider one takes away again.
"""

from orchvynt.decisions.budgets.refusals import not_downgraded
from orchvynt.decisions.routing.figures import Observed
from orchvynt.decisions.routing.filters import Filters
from orchvynt.decisions.routing.names import resolve
from orchvynt.language.scope import RequestValues
from orchvynt.language.snapshot import Snapshot
from orchvynt.lifecycle.state import Downgrade, Skipped, State
from orchvynt.model.candidates import CandidateChosen, CandidateRejected
from orchvynt.model.faults import Fault


def foresee_downgrades(snapshot: Snapshot, state: State, values: RequestValues, observed: Observed) -> None:
    """Weighs the models that budgets may lead to, beside the plan, as every candidate is weighed: by key, region, quality and skill."""
    found: list[Downgrade] = []
    filters: Filters | None = None
    for one in state.applied:
        budget = snapshot.budgets[one.number]
        if budget.breach.kind != "downgrade" or any(candidate.model == budget.breach.model for candidate in state.candidates):
            continue
        model = resolve(snapshot, budget.breach.model)
        assert model is not None, "a policy that downgrades to a model it does not have is not compiled"
        if filters is None:
            filters = Filters(snapshot, state.invocation, values, observed.scores)
        verdict = filters.check(model)
        if isinstance(verdict, CandidateRejected):
            found.append(Downgrade(budget.name, model.name, refused=verdict.why))
        else:
            found.append(Downgrade(budget.name, model.name, model.provider.name, unmeasured=verdict))
    if found:
        state.downgrades = tuple(found)


def next_downgrade(state: State) -> Downgrade | None:
    """The model outside the plan that is to be asked now that no tier had room; None if there is none, or it was asked already."""
    if not state.downgrades:
        return None
    last = decisive(state)
    if last is None or not last.downgrade or any(candidate.model == last.downgrade for candidate in state.candidates):
        return None
    found = _downgrade(state, last)
    return found if found is not None and not found.refused else None


def take_downgrade(state: State, found: Downgrade) -> CandidateChosen:
    """Makes it a further candidate, after all tiers of the plan."""
    why = f"downgrade:{found.budget}"
    candidate = CandidateChosen(len(state.candidates) + 1, found.model, found.provider, why, found.unmeasured)
    state.candidates = (*state.candidates, candidate)
    return candidate


def decisive_fault(state: State) -> Fault | None:
    """What the caller is told where nothing was asked: the first candidate's refusal; if its budget leads to another model, that one's."""
    last = decisive(state)
    if last is None or last.fault is None or not last.downgrade:
        return last.fault if last is not None else None
    found = _downgrade(state, last)
    return not_downgraded(last.fault, found.model, found.refused) if found is not None and found.refused else last.fault


def _downgrade(state: State, skipped: Skipped) -> Downgrade | None:
    return next((one for one in state.downgrades if one.model == skipped.downgrade), None)


def decisive(state: State) -> Skipped | None:
    """The first candidate that was refused; or, as each one's budget leads to the next model, the last of these that had no room."""
    refused = {one.model: one for one in reversed(state.skipped) if one.fault is not None}
    one = next((one for one in state.skipped if one.fault is not None), None)
    seen: set[str] = set()
    while one is not None and one.downgrade and one.downgrade not in seen:
        seen.add(one.model)
        following = refused.get(one.downgrade)
        if following is None or following.model in seen:
            break
        one = following
    return one
