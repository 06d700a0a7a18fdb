"""`orchvynt demo`: plays the story and shows it, in colour on a terminal, plain where it is piped or under CI."""

import importlib.util
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.padding import Padding
from rich.rule import Rule
from rich.text import Text

from orchvynt.demo.stage import Stage, StageError

if TYPE_CHECKING:
    from orchvynt.demo.story import Scene

INSTALL_HELP: Final = "The demo's agents use the official OpenAI client: pip install 'orchvynt[demo]'"
PLAIN_WIDTH: Final = 120


def run(local: bool, keep: str, environment: Mapping[str, str]) -> int:
    """Plays all acts. 0 if every claim held, 1 if one did not or something could not start."""
    if importlib.util.find_spec("openai") is None:
        sys.stderr.write(INSTALL_HELP + "\n")
        return 1
    plain = bool(environment.get("CI") or environment.get("NO_COLOR")) or not sys.stdout.isatty()
    console = Console(no_color=plain, highlight=False, emoji=False, width=PLAIN_WIDTH if plain else None)
    with tempfile.TemporaryDirectory(prefix="orchvynt-demo-") as temporary:
        folder = Path(keep).resolve() if keep else Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            return _play(console, plain, Stage(folder, local, environment))
        except StageError as error:
            console.print(Text(str(error), style="red"))
            return 1


def _play(console: Console, plain: bool, stage: Stage) -> int:
    from orchvynt.demo.story import Story  # noqa: PLC0415 - needs the OpenAI client, which is an extra

    began = time.monotonic()
    last_tier = "a real local model" if stage.local_model else "a local model (scripted)"
    console.print(Text("OrchVynt", style="bold"), Text(f"three agents · openai → anthropic → {last_tier}", style="dim"))
    claims = broken = 0
    with ExitStack() as running:
        with _busy(console, plain, "starting"):
            running.enter_context(stage)
        for number, act in enumerate(Story(stage).acts(), start=1):
            with _busy(console, plain, f"act {number}"):
                scene = act()
            _show(console, number, scene)
            claims += len(scene.claims)
            broken += sum(not claim.holds for claim in scene.claims)
    console.print()
    console.print(Rule(style="dim"))
    verdict = f"{claims - broken} of {claims} claims held, in {time.monotonic() - began:.0f} s."
    console.print(Text(verdict, style="bold red" if broken else "bold green"))
    if not broken:
        console.print(Text("Yours next: orchvynt init && orchvynt serve", style="dim"))
    return 1 if broken else 0


def _busy(console: Console, plain: bool, what: str) -> AbstractContextManager[object]:
    return nullcontext() if plain else console.status(Text(what, style="dim"))


def _show(console: Console, number: int, scene: "Scene") -> None:
    console.print()
    console.print(Rule(Text(f"{number}  {scene.title}", style="bold"), align="left", style="dim"))
    console.print(Text(scene.told))
    for claim in scene.claims:
        mark = Text("  ✓ ", style="green") if claim.holds else Text("  ✗ ", style="bold red")
        console.print(mark + Text(claim.text))
    console.print(Text(f"\n  $ {scene.command}", style="cyan"))
    console.print(Padding(Text(scene.seen.rstrip()), (0, 0, 0, 4)))
