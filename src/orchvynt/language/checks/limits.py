"""Rate limits can refuse something: one that counts each invocation apart never does."""

from orchvynt.language.report import Report
from orchvynt.language.source import Source


def check_limits(source: Source, report: Report) -> None:
    for limit in source.rate_limits:
        if limit.section.scope == "invocation":
            said = f"rate limit `{limit.section.name}` never refuses anything: each invocation is a subject of its own"
            report.warning(limit.at("scope"), said, "Count by something that calls have in common, such as `agent`.", f"{limit.path}.scope")
