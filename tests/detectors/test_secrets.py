"""Secrets by their issuers' formats and behind a word; names, placeholders and templates are none."""

import pytest

from orchvynt.detectors.scanning import Scan
from orchvynt.detectors.secrets import entropy

R = "a8Kd03LmZq7RtYw2Xv5Bn1Hc9Jf4Gs6Pe0Ui"
THERE = [
    *(
        "AKIAIOSFODNN7EXAMPLE",
        f"ghp_{R}",
        f"github_pat_{R[:22]}_{R}{R}",
        f"glpat-{R[:20]}",
        f"xoxb-123456789012-{R}",
        f"sk-ant-api03-{R}{R}",
    ),
    *(
        f"sk-proj-{R}{R}",
        f"sk-{R}",
        f"AIza{R[:35]}",
        f"sk_live_{R}",
        f"npm_{R}",
        f"hf_{R}",
        f"gsk_{R}{R[:16]}",
        f"SG.{R[:22]}.{R}",
        f"dapi{'0a' * 16}",
    ),
    *(
        "-----BEGIN OPENSSH PRIVATE KEY-----",
        "-----BEGIN PGP PRIVATE KEY BLOCK-----",
        "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX",
    ),
    *(
        'password = "hunter2Xy!z"',
        '{"api_key": "9f8e7d6c5b4a39281706f5e4d3c2b1a0"}',
        "DB_PASSWORD=Tr0ub4dor&3",
        "export TOKEN='q8Zt-44mB-77xK'",
    ),
    *(
        "Authorization: Bearer q8Zt44mB77xKq8Zt44mB77xK",
        "postgres://user:s3cr3t@db:5432/x",
        "the password is Xk29!mmQ",
        "passwort: Geheim!2026x",
    ),
    *("AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", f"key\u200b: ok; ov-a1b2c3d4-{R}"),
]
NOT_THERE = [
    *(
        "password",
        "password: ********",
        "api_key = os.environ['API_KEY']",
        "token: ${env:TOKEN}",
        "password: <your password>",
        "secret: changeme1",
    ),
    *(
        "sk-learn-is-a-library-for-python",
        "sk-toggleable__control-label-arrow",
        "AKIA",
        "the token limit is 4096 tokens",
        "password must be at least 8 characters",
    ),
    *(
        "-----BEGIN PUBLIC KEY-----",
        "-----BEGIN CERTIFICATE-----",
        "https://user@host/x",
        "http://localhost:8080/a@b",
        "eyJhbGciOiJIUzI1NiJ9",
        "pk_live_abcdefghij1234567890",
    ),
    *("max_tokens: 1000000000", "commit 9f8e7d6c5b4a39281706f5e4d3c2b1a0", "", "secretary: john.smith", "basic understanding"),
]


@pytest.mark.parametrize("text", THERE)
@pytest.mark.parametrize("surrounding", ["{}", "It is: {} .", "\n{}\n", "号 {}。"])
def test_secrets(text: str, surrounding: str) -> None:
    assert Scan(surrounding.format(text)).count("secret") >= 1


@pytest.mark.parametrize("text", NOT_THERE)
def test_what_is_none(text: str) -> None:
    assert Scan(text).count("secret") == 0


def test_each_is_counted() -> None:
    assert Scan(f"ghp_{R} AKIAIOSFODNN7EXAMPLE").count("secret") == 2


def test_a_text_that_is_no_unicode_is_looked_through() -> None:
    assert Scan("\ud800 AKIAIOSFODNN7EXAMPLE").count("secret") == 1


def test_entropy() -> None:
    assert entropy("aaaa") == 0
    assert entropy("abcd") == 2
