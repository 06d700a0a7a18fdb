"""The policy's own tests ask for what can happen: known triggers, and providers that a model of the policy is served by."""

from typing import Final

from orchvynt.language.document.fallback import TRIGGERS
from orchvynt.language.document.scalars import shown
from orchvynt.language.document.tests import TestEntry
from orchvynt.language.reading import Item
from orchvynt.language.report import Report
from orchvynt.language.source import Source
from orchvynt.language.wording import nearest

_OTHER_TRIGGERS: Final = ("bad_request", "budget")


def check_tests(source: Source, report: Report) -> None:
    served = {model.section.provider for model in source.models.values()}
    for test in source.tests:
        for number, trigger in enumerate(test.section.expect.trigger or []):
            _trigger(test, number, trigger, report)
        for provider in test.section.providers:
            if provider in source.providers and provider not in served and not source.is_broken("models"):
                said = f"the provider `{provider}` serves no model, so how it behaves changes nothing"
                report.warning(test.at("providers", provider), said, "Remove it from the test.", f"{test.path}.providers.{provider}")


def _trigger(test: Item[TestEntry], number: int, trigger: str, report: Report) -> None:
    if not trigger or trigger in (*TRIGGERS, *_OTHER_TRIGGERS) or trigger.startswith(("status_", "budget:")):
        return
    near = nearest(trigger, TRIGGERS, 0.6)
    help = f"Did you mean `{near}`?" if near else f"Known: {', '.join(TRIGGERS)}."
    report.error(test.at("expect", "trigger", number), f"there is no trigger {shown(trigger)}", help, f"{test.path}.expect.trigger")
