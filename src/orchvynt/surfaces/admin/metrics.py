"""The page that Prometheus scrapes."""

from orchvynt.model.faults import Fault
from orchvynt.surfaces.admin.asking import Asking, Desk, Text
from orchvynt.surfaces.admin.exposition import page


async def metrics(desk: Desk, _asking: Asking) -> Text | Fault:
    if not desk.control.snapshot.metrics:
        said = "The policy in force switches metrics off (`telemetry: {metrics: false}`)."
        return Fault("not_found", said, "Write `metrics: true`, or leave it out, and run `orchvynt apply`.")
    found = await desk.measure()
    return Text(await page(found.sampled, found.pids))
