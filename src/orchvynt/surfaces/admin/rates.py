"""Who is under which rate limit, and how much of it is left."""

from orchvynt.lifecycle.explain.phrases import instant_text
from orchvynt.runtime.control import RateLimitLine
from orchvynt.surfaces.admin.asking import Asking, Desk
from orchvynt.surfaces.admin.paging import page
from orchvynt.surfaces.operator_shapes import Listing
from orchvynt.surfaces.rate_shapes import RateLimitView


async def rate_limits(desk: Desk, asking: Asking) -> Listing[RateLimitView]:
    now = desk.clock.now()
    return page(
        await desk.control.rate_limits(),
        lambda line: f"{line.name}/{line.subject}",
        lambda line: _view(line, now),
        asking.limit,
        asking.after,
    )


def _view(line: RateLimitLine, now: int) -> RateLimitView:
    return RateLimitView(
        name=line.name,
        scope=line.scope,
        subject=line.subject,
        window=line.window,
        limit_invocations=line.limit_invocations,
        remaining_invocations=line.remaining_invocations,
        limit_tokens=line.limit_tokens,
        remaining_tokens=line.remaining_tokens,
        limit_concurrent=line.limit_concurrent,
        running=line.running,
        refused=line.refused,
        full_at=instant_text(now + line.full_ns) if line.full_ns else "",
    )
