"""Which passwords are taken. Length is what counts (OWASP ASVS 5.0, 6.2; NIST SP 800-63B): no rules of signs, no ends by date."""

from typing import Final

from orchvynt.model.faults import Fault

CHARS_MIN: Final = 8
BYTES_MAX: Final = 1_024


def unfit(password: str, email: str) -> Fault | None:
    """Why this is no password for that person. Never quotes it."""
    if len(password) < CHARS_MIN:
        return Fault("invalid_request", f"A password has at least {CHARS_MIN} characters.", "Take a few words.", param="password")
    if len(password.encode(errors="surrogatepass")) > BYTES_MAX:
        return Fault("invalid_request", f"A password has at most {BYTES_MAX} bytes.", "Take a shorter one.", param="password")
    if password.strip().lower() in (email, email.partition("@")[0]) or len(set(password)) == 1:
        said = "The password is the address of its person, or one sign again and again."
        return Fault("invalid_request", said, "Take a few words.", param="password")
    return None
