"""Signing in to Azure Managed Redis by the app's own identity, since it takes no keys.

The user is the identity's object id and the password a token of Entra. Redis ends a connection
whose token has run out; the next one is opened with a new token.
https://learn.microsoft.com/azure/redis/entra-for-authentication
"""

from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from redis.credentials import CredentialProvider

_SCOPE = "https://redis.azure.com/.default"


def sign_in(
    url: str, token: Callable[[], str] | None = None
) -> "tuple[str, CredentialProvider | None]":
    """An address with a user and no password, `rediss://<object id>@host:10000`, asks for tokens;
    any other is left as it is. The address that comes back names no user where there is a provider.
    """
    parts = urlsplit(url)
    if parts.scheme != "rediss" or not parts.username or parts.password:
        return url, None
    from redis.credentials import CredentialProvider

    user, ask = parts.username, token or _identity_token()

    class Identity(CredentialProvider):
        def get_credentials(self) -> tuple[str, str]:
            return user, ask()

    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl(), Identity()


def _identity_token() -> Callable[[], str]:
    from azure.identity import DefaultAzureCredential

    credential = DefaultAzureCredential()
    return lambda: credential.get_token(_SCOPE).token
