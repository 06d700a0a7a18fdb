"""What it costs to look through a KiB of text: `python bench/detectors.py`. Processor time, best of five, on one core."""

import time
from pathlib import Path

from orchvynt.detectors.kinds import PERSONAL
from orchvynt.detectors.scanning import Scan

GUIDES = Path(__file__).parents[1] / "docs" / "how-to"
LETTER = (
    "Dear customer, thank you for your message. We have looked into the matter and found that the delivery left our house on Monday. "
    "You will get it by the end of the week; if not, please answer to this letter and we will send another one at once. Kind regards. "
)
CALCULATED = "The report of 2026 says that revenue rose by 12.5 % to 3,400,000 USD; write to ana@example.com by 2026-11-30. "
SIZE = 200_000
KINDS = (("all personal data", PERSONAL), ("credit_card, iban", ("credit_card", "iban")), ("secret", ("secret",)))


def main() -> None:
    guides = "".join(path.read_text(encoding="utf-8") for path in sorted(GUIDES.glob("*.md")))
    texts = (("letter", LETTER), ("guides of this project", guides), ("full of numbers", CALCULATED), ("Arabic digits", "٤١١١ ١١١١ كتاب "))
    for name, text in texts:
        whole = (text * (SIZE // len(text) + 1))[:SIZE]
        for label, kinds in KINDS:
            print(f"{_best(whole, kinds) * 1e6 / (len(whole.encode()) / 1024):7.1f} µs/KiB  {label:18}  {name}")


def _best(text: str, kinds: tuple[str, ...]) -> float:
    taken = []
    for _ in range(5):
        before = time.process_time()
        scan = Scan(text)
        for kind in kinds:
            scan.count(kind)
        taken.append(time.process_time() - before)
    return min(taken)


if __name__ == "__main__":
    main()
