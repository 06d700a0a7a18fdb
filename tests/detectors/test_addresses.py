"""Addresses of e-mail and of machines, and what looks like them and is none."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchvynt.detectors.scanning import Scan

HOSTS = st.from_regex(r"[a-z0-9]{1,12}(-[a-z0-9]{1,6})?\.(com|org|co\.uk|example)", fullmatch=True)


@pytest.mark.parametrize(
    ("text", "there"),
    [
        *(("ana@example.com", 1), ("<ana.b+c@mail.example.co.uk>", 1), ("a@b.co, c@d.io;e@f.dev", 3), ("mailto:ana@example.com?x", 1)),
        *(
            ("müller@exämple.de", 1),
            ('"ana b"@example.com', 1),
            ("ana＠example.com", 1),
            ("ana\\u0040example.com", 1),
            ("ana@\u200bexample.com", 1),
        ),
        *(
            ("a@b", 0),
            ("@app.route('/')", 0),
            ("logo@2x.png", 0),
            ("git@github.com:a/b", 0),
            ("pkg@1.2.3", 0),
            ("a.@b.co", 0),
            ("@@@@", 0),
            ("a@", 0),
        ),
    ],
)
def test_emails(text: str, there: int) -> None:
    assert Scan(text).count("email") == there


@given(
    st.from_regex(r"[a-zA-Z0-9_+]{1,20}(\.[a-z0-9]{1,8})?", fullmatch=True),
    HOSTS,
    st.sampled_from([" {} ", "<{}>", "to:{},", "({})", "“{}”"]),
)
@settings(max_examples=100, deadline=None)
def test_every_email_is_found_whatever_surrounds_it(local: str, host: str, surrounding: str) -> None:
    assert Scan(surrounding.format(f"{local}x@{host}")).count("email") == 1


@pytest.mark.parametrize(
    ("text", "there"),
    [
        *(
            ("10.0.0.1", 1),
            ("http://10.0.0.1:80/", 1),
            ("10.0.0.1 and 10.0.0.2", 2),
            ("[2001:db8::1]:443", 1),
            ("fe80::1%eth0.", 1),
            ("::1", 1),
        ),
        *(
            ("v1.2.3.4", 0),
            ("Chrome/120.0.0.0", 0),
            ("version 1.2.3.4", 0),
            ("1.2.3", 0),
            ("1.2.3.4.5", 0),
            ("256.1.1.1", 0),
            ("01.2.3.4", 0),
        ),
        *(
            ("10:20:30", 0),
            ("std::vector", 0),
            ("a::b", 0),
            ("aa:bb:cc:dd:ee:ff", 0),
            (":::", 0),
            ("::", 0),
            ("2001::db8::1", 0),
            ("http:", 0),
        ),
    ],
)
def test_machines(text: str, there: int) -> None:
    assert Scan(text).count("ip_address") == there


@given(
    st.ip_addresses(v=4) | st.ip_addresses(v=6).filter(lambda ip: int(ip) > 1 << 100), st.sampled_from(["at {}.", "({})", "[{}]", "ip={} "])
)
@settings(max_examples=100, deadline=None)
def test_every_address_is_found_whatever_surrounds_it(address: object, surrounding: str) -> None:
    assert Scan(surrounding.format(address)).count("ip_address") >= 1
