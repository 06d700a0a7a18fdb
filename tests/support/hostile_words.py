"""Texts that mean harm where they are shown: none of them may become markup, a mention, a header, or a text that runs backwards."""

HOSTILE: dict[str, str] = {
    "html": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "attribute": '" onmouseover="alert(1)',
    "link": '<a href="https://evil.example">approve</a> [approve](https://evil.example)',
    "mrkdwn": "*bold* _it_ ~no~ `code` ```block``` > quote",
    "mention": "<!channel> <!here> <@U123> <#C123> @channel",
    "slack link": "<https://evil.example|Approve here>",
    "entity": "&lt;!channel&gt; &amp;",
    "crlf": "x\r\nBcc: victim@example.com\r\n\r\nbody",
    "lf": "x\nBcc: victim@example.com",
    "folded": "x\r\n Bcc: victim@example.com",
    "boundary": "--===============0==\r\nContent-Type: text/html\r\n\r\n<b>x</b>",
    "dot": "x\r\n.\r\nMAIL FROM:<evil@example.com>\r\n",
    "bidi": "\u202eevorppa\u202c \u2066x\u2069",
    "nul": "a\x00b\x1b[31mred\x07",
    "encoded word": "=?utf-8?b?PHNjcmlwdD4=?=",
    "surrogate": "\ud800 half",
    "long": "A" * 20_000,
    "sql": "'; DROP TABLE messages; --",
    "zero width": "a\u200bb\ufeffc",
    "template": "${env:SLACK_TOKEN} {{7*7}} %s %(x)s",
}
UNSEEN = {"\x00", "\x1b", "\x07", "\u202e", "\u202c", "\u2066", "\u2069", "\u200b", "\ufeff", "\ud800", "\r"}
"""None of these goes anywhere."""
