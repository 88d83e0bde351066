"""The services through which people are told: which there are, and at which ports each may be reached.

May assume an address in Apprise's notation (``mailtos://...``) or, where a service hands out web addresses to paste
(``https://hooks.slack.com/...``), one of those. Promises: a closed list; every service on it speaks to the network and
does nothing else: no files, no local programs, no desktops. Ports 80 and 443 are open to all of them, ``ports`` are
opened beside those for this service alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

#: The longest address.
LONGEST = 2_048
_MAIL = (25, 465, 587, 2525)
_SCHEME = re.compile(r"([a-z][a-z0-9]*)://[^\s/?#]|tgram://", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Service:
    """``module`` and ``plugin`` say where Apprise has it; ``pasted`` are beginnings of its own web addresses."""

    name: str
    title: str
    module: str
    plugin: str
    schemes: tuple[str, ...]
    ports: tuple[int, ...] = ()
    pasted: tuple[str, ...] = ()


SERVICES = (
    Service("mail", "Mail", "email", "NotifyEmail", ("mailto", "mailtos"), _MAIL),
    Service("slack", "Slack", "slack", "NotifySlack", ("slack",), pasted=("https://hooks.slack.com/services/",)),
    Service(
        "discord",
        "Discord",
        "discord",
        "NotifyDiscord",
        ("discord",),
        pasted=("https://discord.com/api/webhooks/", "https://discordapp.com/api/webhooks/"),
    ),
    Service("telegram", "Telegram", "telegram", "NotifyTelegram", ("tgram",)),
    Service("ntfy", "ntfy", "ntfy", "NotifyNtfy", ("ntfy", "ntfys"), pasted=("https://ntfy.sh/",)),
    Service("gotify", "Gotify", "gotify", "NotifyGotify", ("gotify", "gotifys")),
    Service("json", "JSON by POST", "custom_json", "NotifyJSON", ("json", "jsons")),
    Service("mattermost", "Mattermost", "mattermost", "NotifyMattermost", ("mmost", "mmosts"), (8065,)),
    Service("rocketchat", "Rocket.Chat", "rocketchat", "NotifyRocketChat", ("rocket", "rockets")),
    Service("matrix", "Matrix", "matrix", "NotifyMatrix", ("matrix", "matrixs"), (8448,)),
    Service(
        "google_chat",
        "Google Chat",
        "google_chat",
        "NotifyGoogleChat",
        ("gchat",),
        pasted=("https://chat.googleapis.com/v1/spaces/",),
    ),
    Service("webex", "Webex", "webexteams", "NotifyWebexTeams", ("webex", "wxteams")),
    Service("teams", "Microsoft Teams", "workflows", "NotifyWorkflows", ("workflow", "workflows")),
    Service("zulip", "Zulip", "zulip", "NotifyZulip", ("zulip",)),
    Service("mastodon", "Mastodon", "mastodon", "NotifyMastodon", ("mastodon", "mastodons", "toot", "toots")),
    Service("signal", "Signal (REST API)", "signal_api", "NotifySignalAPI", ("signal", "signals")),
    Service("pushover", "Pushover", "pushover", "NotifyPushover", ("pover",)),
    Service("pushbullet", "Pushbullet", "pushbullet", "NotifyPushBullet", ("pbul",)),
    Service("simplepush", "Simplepush", "simplepush", "NotifySimplePush", ("spush", "simplepush")),
    Service("prowl", "Prowl", "prowl", "NotifyProwl", ("prowl",)),
    Service("bark", "Bark", "bark", "NotifyBark", ("bark", "barks")),
    Service("pagerduty", "PagerDuty", "pagerduty", "NotifyPagerDuty", ("pagerduty",)),
    Service("opsgenie", "Opsgenie", "opsgenie", "NotifyOpsgenie", ("opsgenie",)),
    Service("line", "LINE", "line", "NotifyLine", ("line",)),
    Service("threema", "Threema Gateway", "threema", "NotifyThreema", ("threema",)),
    Service("twilio", "Twilio", "twilio", "NotifyTwilio", ("twilio",)),
    Service("freemobile", "Free Mobile", "freemobile", "NotifyFreeMobile", ("freemobile",)),
    Service("nextcloud", "Nextcloud Talk", "nextcloudtalk", "NotifyNextcloudTalk", ("nctalk", "nctalks")),
    Service("synology", "Synology Chat", "synology", "NotifySynology", ("synology", "synologys"), (5000, 5001)),
    Service(
        "home_assistant", "Home Assistant", "home_assistant", "NotifyHomeAssistant", ("hassio", "hassios"), (8123,)
    ),
    Service("sendgrid", "SendGrid", "sendgrid", "NotifySendGrid", ("sendgrid",)),
    Service("mailgun", "Mailgun", "mailgun", "NotifyMailgun", ("mailgun",)),
    Service("postmark", "Postmark", "postmark", "NotifyPostmark", ("postmark",)),
    Service("brevo", "Brevo", "brevo", "NotifyBrevo", ("brevo",)),
)
_BY_SCHEME = {scheme: service for service in SERVICES for scheme in service.schemes}


def service_of(address: str) -> Service:
    """The service of an address. Raises ValueError with a sentence that holds nothing of the address."""
    if len(address) > LONGEST or not address.isprintable():
        raise ValueError(f"is longer than {LONGEST} characters or holds characters that no address has")
    for service in SERVICES:
        if address.startswith(service.pasted):
            return service
    found = _SCHEME.match(address)
    if found is None:
        raise ValueError("is not an address such as mailtos://user:password@example.org?to=me@example.org")
    scheme = (found[1] or "tgram").lower()
    if scheme not in _BY_SCHEME:
        raise ValueError("begins with the name of no service that can be used here")
    return _BY_SCHEME[scheme]
