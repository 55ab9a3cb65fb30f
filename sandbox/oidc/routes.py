"""Discovery (OpenID Connect Discovery 1.0), key set, token endpoint (RFC 6749), rotation."""

import base64
import binascii
import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote_plus

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.answers import Refused, body_of
from sandbox.oidc import sign_in
from sandbox.oidc.store import ALGORITHM, SigningKeys
from sandbox.oidc.tokens import DEFAULT_AUDIENCE, DEFAULT_LIFETIME, issue

_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*")
_GRANTS = ["authorization_code", "client_credentials", "password"]
_UNCACHED = {"Cache-Control": "no-store", "Pragma": "no-cache"}


def routes(keys: SigningKeys, issuer: str, shop_url: str | None) -> list[Route]:
    codes = sign_in.Codes()

    async def discovery(request: Request) -> Response:
        return JSONResponse(
            {
                "issuer": issuer,
                "jwks_uri": f"{issuer}/keys",
                "authorization_endpoint": f"{issuer}/authorize",
                "token_endpoint": f"{issuer}/token",
                "end_session_endpoint": f"{issuer}/logout",
                "token_endpoint_auth_methods_supported": [
                    "client_secret_basic",
                    "client_secret_post",
                    "none",
                ],
                "code_challenge_methods_supported": ["S256"],
                "grant_types_supported": _GRANTS,
                "response_types_supported": ["code", "token"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": [ALGORITHM],
                "claims_supported": ["iss", "aud", "sub", "exp", "iat", "nbf", "roles", "email"],
            }
        )

    async def key_set(request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(keys.public_set))

    async def token(request: Request) -> Response:
        form = _form(request, await body_of(request))
        match form.get("grant_type"):
            case "authorization_code":
                return await exchanged(codes.take(form))
            case "client_credentials":
                subject = _client(request, form)
            case "password":
                subject = _required(form, "username")
                _required(form, "password")
            case None:
                raise Refused("invalid_request", "grant_type is missing.")
            case _:
                raise Refused("unsupported_grant_type", f"Known grants: {', '.join(_GRANTS)}.")
        scope = form.get("scope", "")
        if scope and not _SCOPE.fullmatch(scope):
            raise Refused("invalid_scope", "scope is not a list of names with one space between.")
        signed = await run_in_threadpool(
            issue,
            keys,
            issuer=issuer,
            audience=form.get("audience", DEFAULT_AUDIENCE),
            subject=subject,
            roles=scope.split(),
            email=form.get("email"),
        )
        return JSONResponse(
            {
                "access_token": signed,
                "token_type": "Bearer",
                "expires_in": DEFAULT_LIFETIME,
                "scope": scope,
            },
            headers=_UNCACHED,
        )

    async def exchanged(grant: sign_in.Grant) -> Response:
        access, identity = await run_in_threadpool(_tokens, keys, issuer, grant)
        return JSONResponse(
            {
                "access_token": access,
                "id_token": identity,
                "token_type": "Bearer",
                "expires_in": DEFAULT_LIFETIME,
                "scope": grant.scope,
            },
            headers=_UNCACHED,
        )

    async def rotate(request: Request) -> Response:
        return JSONResponse({"kid": await run_in_threadpool(keys.rotate)})

    return [
        Route("/oidc/.well-known/openid-configuration", discovery, methods=["GET"]),
        Route("/oidc/keys", key_set, methods=["GET"]),
        Route("/oidc/token", token, methods=["POST"]),
        *sign_in.routes(codes, shop_url),
        Route("/admin/oidc/rotate", rotate, methods=["POST"]),
    ]


def _tokens(keys: SigningKeys, issuer: str, grant: sign_in.Grant) -> tuple[str, str]:
    """For the shop's API, and for the page that signed somebody in."""
    access = issue(
        keys,
        issuer=issuer,
        audience=DEFAULT_AUDIENCE,
        subject=grant.subject,
        roles=grant.roles,
        email=grant.email,
    )
    identity = issue(
        keys,
        issuer=issuer,
        audience=grant.client_id,
        subject=grant.subject,
        email=grant.email,
        nonce=grant.nonce,
    )
    return access, identity


def _form(request: Request, body: str) -> Mapping[str, str]:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/x-www-form-urlencoded":
        raise Refused("invalid_request", "Send the body as application/x-www-form-urlencoded.")
    try:
        pairs = parse_qsl(body, strict_parsing=bool(body), max_num_fields=50)
    except ValueError:
        raise Refused("invalid_request", "The body is not a form.") from None
    form = dict(pairs)
    if len(form) != len(pairs):
        raise Refused("invalid_request", "A parameter is sent twice.")
    return form


def _required(form: Mapping[str, str], name: str) -> str:
    if not form.get(name):
        raise Refused("invalid_request", f"{name} is missing.")
    return form[name]


def _client(request: Request, form: Mapping[str, str]) -> str:
    """The client's id. Any secret is right: everybody may be any client here."""
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            pair = base64.b64decode(credentials, validate=True).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError):
            pair = ""
        name, _, secret = pair.partition(":")
        client, secret = unquote_plus(name), unquote_plus(secret)
    else:
        client, secret = form.get("client_id", ""), form.get("client_secret", "")
    if not (client and secret):
        raise Refused(
            "invalid_client",
            "Send client_id and client_secret, as a form or as Basic credentials.",
            401,
            {"WWW-Authenticate": 'Basic realm="sandbox"'},
        )
    return client
