"""Who calls: the shop with its secret key, or a payer's browser with the publishable one."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from sandbox.stripe.errors import StripeError
from sandbox.stripe.keys import AccountKeys


def is_payer(keys: AccountKeys, headers: Mapping[str, str], given: dict[str, Any]) -> bool:
    """Whether a browser calls, with the publishable key. Raises StripeError for any other key."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        token = _basic_user(token)
    api_key = token or given.get("key", "")
    if api_key == keys.secret_key:
        return False
    if api_key == keys.publishable_key:
        return True
    if not api_key:
        raise StripeError(
            "You did not provide an API key. You need to provide your API key in the"
            " Authorization header, using Bearer auth (e.g. 'Authorization: Bearer"
            " YOUR_SECRET_KEY'). See https://stripe.com/docs/api#authentication for details, or"
            " we can help at https://support.stripe.com/.",
            status=401,
        )
    hidden = f"{str(api_key)[:8]}{'*' * 8}{str(api_key)[-4:]}"
    raise StripeError(f"Invalid API Key provided: {hidden}", status=401)


def _basic_user(credentials: str) -> str:
    try:
        return base64.b64decode(credentials, validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return ""
