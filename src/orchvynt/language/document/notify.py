"""The section `notify`: who is told of alerts and reviews, and by which channel."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from orchvynt.language.document.scalars import MINUTE, Duration, Place, Secret, Sentence, one_of, shown
from orchvynt.language.document.section import Section, wrong
from orchvynt.model.emails import normalised

SLACK_API = "https://slack.com/api"
DIGEST_NS_MAX = 24 * 60 * MINUTE
_CHANNELS = ("webhook", "slack", "email", "apprise")


def _email(value: str) -> str:
    if value != value.strip() or normalised(value) is None:
        raise wrong(f"{shown(value)} is not an e-mail address", "Write name@example.com.")
    return value


def _digest(value: int) -> int:
    if value > DIGEST_NS_MAX:
        raise wrong("a digest is longer than a day", "Write at most 24h.")
    return value


Mail = Annotated[str, AfterValidator(_email)]


class SlackEntry(Section):
    """A channel of a Slack workspace."""

    channel: Sentence = Field(description='The channel, in quotes: "#ai-review".')
    token: Secret = Field(description="A reference to the bot's token.")
    signing_secret: Secret | None = Field(
        default=None, description="A reference to the secret that signs what buttons send; without it messages have no buttons."
    )
    base_url: Place = Field(default=SLACK_API, description="Where Slack's API is.")


class EmailEntry(Section):
    """Messages by e-mail."""

    to: list[Mail] = Field(description="The recipients.", json_schema_extra={"minItems": 1})
    smtp: Secret = Field(
        description="A reference to the server's URL with its credential: `smtps://`, `smtp+starttls://`, or `smtp://` for clear text."
    )
    from_: Mail | None = Field(
        default=None, alias="from", description="The sender; by default the URL's user, or `orchvynt@` the server's host."
    )

    @model_validator(mode="after")
    def _somebody(self) -> "EmailEntry":
        if not self.to:
            raise wrong("`to` is empty", "Name at least one recipient.", ("to",))
        for number, address in enumerate(self.to):
            if address.lower() in {one.lower() for one in self.to[:number]}:
                raise wrong(f"{shown(address)} stands twice", "Remove it.", ("to", number))
        return self


class NotifyEntry(Section):
    """A destination of notifications: one of `webhook`, `slack`, `email` and `apprise`."""

    webhook: Place | None = Field(default=None, description="An address that gets a signed POST.")
    secret: Secret | None = Field(default=None, description="With `webhook`: a reference to the secret that signs it; required.")
    slack: SlackEntry | None = Field(default=None, description="A Slack channel.")
    email: EmailEntry | None = Field(default=None, description="E-mail.")
    apprise: Secret | None = Field(
        default=None, description="A reference to a URL of the library Apprise, which must be installed: `pip install orchvynt[apprise]`."
    )
    digest: Annotated[Duration, AfterValidator(_digest)] = Field(
        default=0,
        description="So long messages about reviews wait for one another. Without it they are told at once, and together in a rush.",
        json_schema_extra={"default": "0s"},
    )
    content: Annotated[Literal["none", "excerpt"], BeforeValidator(one_of("none", "excerpt"))] = Field(
        default="none",
        description="Of what a review is about: `none`, or an `excerpt` without lines that hold personal data or a secret.",
    )

    @model_validator(mode="after")
    def _one_channel(self) -> "NotifyEntry":
        given = [name for name in _CHANNELS if getattr(self, name) is not None]
        if not given:
            raise wrong("the destination leads nowhere", f"Give it one of {', '.join(_CHANNELS)}.", ("!",))
        if len(given) > 1:
            raise wrong(f"the destination has both `{given[0]}` and `{given[1]}`", "Make two destinations.", ("!", given[1]))
        if self.secret is not None and self.webhook is None:
            raise wrong("`secret` belongs to `webhook`", "Remove it.", ("!", "secret"))
        return self
