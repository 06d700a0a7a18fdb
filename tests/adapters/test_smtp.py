"""Mail over real sockets: in clear text, STARTTLS and TLS, with and without a login; what is refused says why and no secret."""

import asyncio
import socket
import ssl
import threading
from contextlib import suppress

import pytest
from tests.support.mailbox import AUTHORITY, PASSWORD, USER, How, Mailbox, free_port

from orchvynt.adapters.smtp import SmtpMailing, server_of
from orchvynt.ports.channels import Mail, Refusal

CONTENT = b"From: orchvynt@mail.example\r\nTo: ana@example.com\r\nSubject: x\r\n\r\n.a line that begins with a dot\r\n"
MAIL = Mail("orchvynt@mail.example", ("ana@example.com", "ben@example.com"), CONTENT)


def send(url: str, mail: Mail = MAIL, trusted: bool = True) -> Refusal | None:
    mailing = SmtpMailing(ssl.create_default_context(cafile=str(AUTHORITY)) if trusted else None)
    try:
        return asyncio.run(mailing.send(url, mail))
    finally:
        mailing.close()


@pytest.mark.parametrize(("how", "login"), [("clear", False), ("clear", True), ("starttls", True), ("tls", True), ("tls", False)])
def test_it_arrives(how: How, login: bool) -> None:
    with Mailbox(how, login) as mailbox:
        assert send(mailbox.url(USER, PASSWORD) if login else mailbox.url()) is None
        assert mailbox.envelopes == [("orchvynt@mail.example", ["ana@example.com", "ben@example.com"])]
        assert mailbox.logins == login
        assert mailbox.taken[0].get_content() == ".a line that begins with a dot\r\n"


def test_a_wrong_password_is_said_without_it() -> None:
    with Mailbox("starttls", login=True) as mailbox:
        refused = send(mailbox.url(USER, "hunter2hunter2"))
    assert refused == Refusal("the mail server refused our credential (535)")


@pytest.mark.parametrize("how", ["starttls", "tls"])
def test_a_certificate_that_nobody_vouches_for_ends_it(how: How) -> None:
    with Mailbox(how) as mailbox:
        refused = send(mailbox.url(), trusted=False)
    assert refused is not None
    assert "cannot be trusted" in refused.why
    assert mailbox.taken == []


def test_a_server_without_starttls_gets_nothing() -> None:
    with Mailbox("clear") as mailbox:
        refused = send(mailbox.url().replace("smtp:", "smtp+starttls:"))
        assert refused is not None
        assert "does not offer" in refused.why
        assert mailbox.taken == []


@pytest.mark.parametrize(
    ("answer", "final"),
    [("451 later", False), ("554 this is spam", True), ("552 too much", True), ("550 no", True), ("421 going away", False)],
)
def test_what_the_server_answers_decides_whether_it_is_sent_again(answer: str, final: bool) -> None:
    with Mailbox(refusals=(answer,)) as mailbox:
        refused = send(mailbox.url())
    assert refused is not None
    assert (refused.final, answer[:3] in refused.why) == (final, True)


class Tarpit:
    """Greets with a line that never ends, a byte now and then: no wait between two bytes is long."""

    def __enter__(self) -> "Tarpit":
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"smtp://127.0.0.1:{self._server.getsockname()[1]}"
        self.left = threading.Event()
        self._thread = threading.Thread(target=self._greet)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()
        self._thread.join()

    def _greet(self) -> None:
        connection, _ = self._server.accept()
        with connection, suppress(OSError):
            connection.settimeout(0.05)
            while True:
                connection.sendall(b"2")
                with suppress(TimeoutError):
                    if not connection.recv(1):
                        self.left.set()
                        return


def test_a_server_that_goes_on_for_ever_is_left() -> None:
    with Tarpit() as tarpit:
        mailing = SmtpMailing(whole_s=0.3)
        try:
            assert asyncio.run(mailing.send(tarpit.url, MAIL)) == Refusal("the mail server was not done within 0.3 s")
            assert tarpit.left.wait(20), "the thread is free again"
        finally:
            mailing.close()


def test_nothing_under_way_keeps_the_process_from_ending() -> None:
    async def closed_meanwhile() -> Refusal | None:
        mailing = SmtpMailing()
        sending = asyncio.create_task(mailing.send(tarpit.url, MAIL))
        await asyncio.sleep(0.1)
        mailing.close()
        return await sending

    with Tarpit() as tarpit:
        assert asyncio.run(closed_meanwhile()) is not None


@pytest.mark.parametrize("how", ["clear", "tls"])
def test_a_password_in_any_script_is_sent(how: How) -> None:
    with Mailbox(how, login=True) as mailbox:
        refused = send(mailbox.url(USER, "пароль"))
        assert refused == Refusal("the mail server refused our credential (535)"), "it came, and is another one"
        mailbox.password = "пароль"
        assert send(mailbox.url(USER, "пароль")) is None
        assert mailbox.logins == 1
    with Mailbox(how) as mailbox:
        refused = send(mailbox.url(USER, "пароль"))
        assert refused is not None
        assert "does not offer" in refused.why


def test_nobody_there() -> None:
    refused = send(f"smtp://localhost:{free_port()}")
    assert refused == Refusal("the mail server cannot be reached (ConnectionRefusedError)")


@pytest.mark.parametrize(
    "url",
    [
        "", "smtp://", "http://x", "smtp://host:x", "smtps://host/path", "smtp://host?x=1", "mail.example", "smtp://[::1",
        "smtp://me:hunter2@mail.example", "smtps://host:99999",
    ],
)  # fmt: skip
def test_urls_that_are_refused_are_not_quoted(url: str) -> None:
    refused = server_of(url)
    assert isinstance(refused, Refusal)
    assert "hunter2" not in refused.why


def test_urls_that_are_taken() -> None:
    one = server_of("smtp+starttls://a%40b.c:p%3A%40@mail.example")
    assert not isinstance(one, Refusal)
    assert (one.host, one.port, one.user, one.password) == ("mail.example", 587, "a@b.c", "p:@")
    assert not isinstance(server_of("smtp://me:x@127.0.0.1"), Refusal)
