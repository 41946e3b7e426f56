"""How the providers with a preset sign.

Paddle's libraries accept a signature for 5 seconds. Here it is 300, because clocks drift and deliveries wait
in queues. GitLab sends a shared token, or signs by Standard Webhooks if its user created a signing token.
"""

from triggers_api.core.hooks.schemes import HmacScheme, SecretScheme


def _standard(family: str, *, alternative: HmacScheme | None = None) -> HmacScheme:
    return HmacScheme(
        f"{family}-signature",
        template="{id}.{timestamp}.{body}",
        encoding="base64",
        prefix="v1,",
        separator=" ",
        timestamp_header=f"{family}-timestamp",
        id_header=f"{family}-id",
        base64_secret=True,
        alternative=alternative,
    )


GITHUB = HmacScheme("x-hub-signature-256", prefix="sha256=")
STRIPE = HmacScheme(
    "stripe-signature", template="{timestamp}.{body}", prefix="v1=", separator=",", timestamp_part="t="
)
SHOPIFY = HmacScheme("x-shopify-hmac-sha256", encoding="base64")
SLACK = HmacScheme(
    "x-slack-signature",
    template="v0:{timestamp}:{body}",
    prefix="v0=",
    timestamp_header="x-slack-request-timestamp",
)
LINEAR = HmacScheme("linear-signature", timestamp_member="webhookTimestamp", tolerance=60)
PADDLE = HmacScheme(
    "paddle-signature", template="{timestamp}:{body}", prefix="h1=", separator=";", timestamp_part="ts="
)
STANDARD = _standard("webhook", alternative=_standard("svix"))
GITLAB_SIGNED = _standard("webhook")
GITLAB_TOKEN = SecretScheme("header", "x-gitlab-token")
