"""Who a mail is from, whatever the server's URL looks like."""

from email import message_from_bytes

import pytest

from orchvynt.dialects.mail import written
from orchvynt.dialects.telling import Event
from orchvynt.runtime.channels import sender_of


@pytest.mark.parametrize(
    ("url", "sender"),
    [
        ("smtps://me%40mail.example:x@mail.example", "me@mail.example"),
        ("smtps://me:x@mail.example", "orchvynt@mail.example"),
        ("smtp://mail.example", "orchvynt@mail.example"),
        ("smtp://a%40b%40c@mail.example", "orchvynt@mail.example"),
        ("smtp://%3Cx%40y%3E@mail.example", "orchvynt@mail.example"),
        ("smtp://x%40@mail.example", "orchvynt@mail.example"),
        ("smtp://a..b%40c.example@mail.example", "orchvynt@mail.example"),
        ("smtp://a%0d%0aBcc:x%40c.example@mail.example", "orchvynt@mail.example"),
        ("smtp://j%C3%BCrgen%40c.example@mail.example", "orchvynt@mail.example"),
        ("smtp://[::1]:25", "orchvynt@localhost"),
        ("smtp://my_host", "orchvynt@localhost"),
        ("smtp://[", "orchvynt@localhost"),
        ("", "orchvynt@localhost"),
    ],
)
def test_the_sender_is_always_an_address(url: str, sender: str) -> None:
    assert sender_of(url) == sender
    mail = message_from_bytes(written(Event("notify.test"), "oncall", sender, ("ana@example.com",), "msg_1", 0))
    assert sender in mail["From"]
