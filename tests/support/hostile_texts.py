"""Texts that are dear to count, or whose tokens are many for what they look like."""

import base64
import random

_CHANCE = random.Random(7)

PROSE = "Budgets that nobody can exceed are only useful if they can also be spent; the ledger has to know both figures at once. " * 34

TEXTS: dict[str, str] = {
    "prose": PROSE,
    "chinese": "预算永远不会被超过，因为每次调用之前都会先预留。" * 40,
    "japanese": "予算は決して超過しません。呼び出しの前に必ず確保されます。" * 40,
    "korean": "예산은 절대 초과되지 않습니다. 호출 전에 항상 예약됩니다. " * 40,
    "thai": "งบประมาณจะไม่ถูกใช้เกินเลย เพราะมีการจองไว้ก่อนทุกครั้ง" * 40,
    "amharic": "በጀቱ ፈጽሞ አይታለፍም ምክንያቱም ሁልጊዜ አስቀድሞ ይያዛል። " * 40,
    "rare han": "".join(chr(0x20000 + number) for number in range(800)),
    "emoji": "👩‍👩‍👧‍👦🏳️‍🌈👨🏽‍💻🧑🏿‍🚀" * 60,
    "flags": "🇩🇪🇫🇷🇯🇵🇰🇷" * 100,
    "combining": "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘" * 40,
    "base64": base64.b64encode(_CHANCE.randbytes(3_000)).decode(),
    "hex": _CHANCE.randbytes(2_000).hex(),
    "digits": "".join(_CHANCE.choice("0123456789") for _ in range(4_000)),
    "random bytes": _CHANCE.randbytes(3_000).decode("latin-1"),
    "random letters": "".join(_CHANCE.choice("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") for _ in range(4_000)),
    "minified json": '{"a":[1,2,{"b":null,"c":"x\\"y"}],"d":{"e":{"f":[[],[],{}]}}}' * 60,
    "code": "def f(x: int) -> int:\n    if x:\n\t\treturn x & ~(x << 3)  # ünïcode\n    return None\n" * 40,
    "blanks": " " * 5_000,
    "tabs and lines": "\t\n \r\n\n\t " * 600,
    "wide blanks": "\u00a0\u2003\u200b\u3000" * 500,
    "one letter": "a" * 5_000,
    "punctuation": "!?;:…—«»†‡" * 300,
    "controls": "\x01\x02\x1b[31m\x7f" * 400,
    "special tokens": "<|endoftext|><|im_start|>system<|im_sep|><|endofprompt|>" * 40,
    "private use": "\ue000\uf8ff\U000f0000" * 300,
    "nothing": "",
    "one": "x",
}
