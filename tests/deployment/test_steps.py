"""The steps around the templates, against stand-ins for Azure's management, Stripe and EasyPost."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from sqlalchemy import create_engine, event

from functions.databases import SCHEMAS
from functions.payments.model import WEBHOOK_EVENTS
from functions.payments.stripe.gateway import API_VERSION
from local.deployment import databases, front_door, site, third_parties
from local.deployment.__main__ import (
    ASKED,
    ASKED_OPEN,
    ASKED_PRIVATE,
    main,
    prepare,
    provisioned,
    register,
    stay_inside,
)
from local.deployment.management import Azure, Stopped
from local.deployment.vault import (
    CARRIER_WEBHOOK,
    GIVEN,
    MADE_HERE,
    STRIPE_WEBHOOK,
    WEBHOOKS,
    Vault,
    fill,
    to_renew,
)
from tests.support.answers import client, no_pause
from tests.support.bicep import ROOT, load
from tests.support.odbc import needs_unixodbc

GROUP = "/subscriptions/s/resourceGroups/rg-dev"
NEEDED = [*MADE_HERE, "stripe-secret-key", "easypost-api-key", *WEBHOOKS]
KEYS = {"STRIPE_SECRET_KEY": "sk_1", "EASYPOST_API_KEY": "EZAK1"}


class Cloud:
    """Resources by path, as Azure's management keeps them, and what was sent to it."""

    def __init__(self) -> None:
        self.resources: dict[str, dict] = {}
        self.requests: list[httpx.Request] = []
        self.refusals: Iterator[int] = iter(())

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        refusal = next(self.refusals, None)
        if refusal is not None:
            return httpx.Response(refusal)
        if request.method == "PUT":
            if request.url.host == "management.azure.com":
                self.resources[request.url.path] = json.loads(request.content)
            return httpx.Response(201, json={})
        if request.method == "POST":
            return httpx.Response(200, json={})
        found = self.resources.get(request.url.path)
        return httpx.Response(404) if found is None else httpx.Response(200, json=found)

    def azure(self, tries: int = 3) -> Azure:
        return Azure(
            GROUP,
            token=lambda scope: f"for {scope}",
            client=client(self),
            pause=no_pause,
            tries=tries,
        )

    def secret(self, name: str) -> str:
        path = f"{GROUP}/providers/Microsoft.KeyVault/vaults/kv/secrets/{name}"
        return str(self.resources[path]["properties"]["value"])


def test_a_role_that_is_not_known_yet_is_waited_for() -> None:
    cloud = Cloud()
    cloud.refusals = iter((403, 503))
    assert cloud.azure().get("Microsoft.KeyVault/vaults/kv", "1") is None
    assert len(cloud.requests) == 3


def test_a_refusal_that_stays_stops_and_shows_no_body() -> None:
    cloud = Cloud()
    cloud.refusals = iter((403,) * 3)
    with pytest.raises(Stopped, match="answered with 403") as stopped:
        Vault(cloud.azure(), "kv").put("stripe-secret-key", "sk_live_1")
    assert "sk_live_1" not in str(stopped.value)


def test_the_vault_gets_what_is_given_and_what_is_made_here() -> None:
    cloud = Cloud()
    vault = Vault(cloud.azure(), "kv")
    assert fill(vault, NEEDED, KEYS).keys() == {*NEEDED} - {*WEBHOOKS}
    assert cloud.secret("stripe-secret-key") == "sk_1"
    assert len(cloud.secret("shop-secret")) >= 32


def test_a_second_run_changes_no_secret_and_needs_none() -> None:
    cloud = Cloud()
    vault = Vault(cloud.azure(), "kv")
    fill(vault, NEEDED, KEYS)
    before = cloud.secret("shop-secret")
    assert fill(vault, NEEDED, {}) == {}
    assert cloud.secret("shop-secret") == before


def test_a_secret_is_renewed_by_its_name_and_never_deleted() -> None:
    cloud = Cloud()
    vault = Vault(cloud.azure(), "kv")
    fill(vault, NEEDED, KEYS)
    before = cloud.secret("shop-secret")
    renew = to_renew({"SHOP_RENEW": "shop-secret"})
    assert fill(vault, NEEDED, {}, renew).keys() == {"shop-secret"}
    assert cloud.secret("shop-secret") != before
    assert {request.method for request in cloud.requests} == {"GET", "PUT"}
    assert to_renew({"SHOP_RENEW": " stripe-webhook-secret, shop-secret "}) >= renew
    assert to_renew({}) == frozenset()
    with pytest.raises(Stopped, match="not stripe-secret-key"):
        to_renew({"SHOP_RENEW": "shop-secret,stripe-secret-key"})


def test_a_secret_that_nobody_gives_stops_before_anything_is_put_in() -> None:
    cloud = Cloud()
    with pytest.raises(Stopped, match="Set STRIPE_SECRET_KEY, EASYPOST_API_KEY in"):
        fill(Vault(cloud.azure(), "kv"), NEEDED, {})
    assert cloud.resources == {}


def test_each_secret_that_the_templates_need_has_a_source() -> None:
    main_bicep = load()["main.bicep"]
    needed = {*main_bicep.variables["knownSecrets"], "otlp-headers"}
    assert needed == {*MADE_HERE, *GIVEN, *WEBHOOKS}
    with pytest.raises(Stopped, match="where these secrets come from: new-secret"):
        fill(Vault(Cloud().azure(), "kv"), ["new-secret"], {})


class Stripe:
    """Webhook endpoints as Stripe keeps them: the secret is said once; and EasyPost's, whose secret
    is never said. `refusing` makes a third party refuse."""

    def __init__(self) -> None:
        self.endpoints: dict[str, dict] = {}
        self.carrier: dict[str, dict] = {}
        self.refusing = ""

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.host == self.refusing:
            return httpx.Response(401)
        if request.url.host == "api.easypost.com":
            return self.easypost(request)
        assert request.headers["Stripe-Version"] == API_VERSION
        form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
        identifier = request.url.path.removeprefix("/v1/webhook_endpoints").strip("/")
        if request.method == "GET":
            return httpx.Response(200, json={"data": list(self.endpoints.values())})
        if request.method == "DELETE":
            return httpx.Response(200, json=self.endpoints.pop(identifier))
        if identifier:
            self.endpoints[identifier].update(form)
            return httpx.Response(200, json=self.endpoints[identifier])
        made = {"id": f"we_{uuid.uuid4().hex}", **form}
        self.endpoints[made["id"]] = made
        return httpx.Response(200, json={**made, "secret": f"whsec_{made['id']}"})

    def easypost(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            known = [{"id": name, "url": hook["url"]} for name, hook in self.carrier.items()]
            return httpx.Response(200, json={"webhooks": known})
        if request.method == "DELETE":
            del self.carrier[request.url.path.rpartition("/")[2]]
            return httpx.Response(200, json={})
        self.carrier[f"hook_{uuid.uuid4().hex}"] = json.loads(request.content)["webhook"]
        return httpx.Response(201, json={})

    def register(self, *, keeps_secret: bool) -> str | None:
        return third_parties.register_stripe(
            "https://shop", "sk_1", keeps_secret=keeps_secret, client=client(self)
        )


def test_stripe_is_told_of_the_webhook_once() -> None:
    stripe = Stripe()
    assert (stripe.register(keeps_secret=False) or "").startswith("whsec_")
    assert stripe.register(keeps_secret=True) is None
    (endpoint,) = stripe.endpoints.values()
    assert endpoint["url"] == "https://shop/api/v1/webhooks/stripe"
    assert {value for name, value in endpoint.items() if "enabled" in name} == WEBHOOK_EVENTS


def test_an_endpoint_whose_secret_is_lost_is_replaced() -> None:
    stripe = Stripe()
    first = stripe.register(keeps_secret=False)
    second = stripe.register(keeps_secret=False)
    assert len(stripe.endpoints) == 1
    assert None not in (first, second)
    assert first != second


def test_both_webhooks_are_registered_and_their_secrets_kept() -> None:
    cloud, stripe = Cloud(), Stripe()
    vault = Vault(cloud.azure(), "kv")
    put_in = fill(vault, NEEDED, KEYS)
    register(vault, "https://shop", put_in, client(stripe))
    assert cloud.secret(STRIPE_WEBHOOK).startswith("whsec_")
    assert [*stripe.carrier.values()] == [
        {
            "url": "https://shop/api/v1/webhooks/carrier",
            "webhook_secret": cloud.secret(CARRIER_WEBHOOK),
        }
    ]
    before = [*stripe.carrier, *stripe.endpoints]
    assert register(vault, "https://shop", {}, client(stripe)) == []
    register(vault, "https://shop", put_in, client(stripe))
    assert [*stripe.carrier, *stripe.endpoints] == before


@pytest.mark.parametrize("refusing", ["api.stripe.com", "api.easypost.com"])
def test_a_webhook_that_was_refused_is_registered_the_next_time(refusing: str) -> None:
    cloud, stripe = Cloud(), Stripe()
    vault = Vault(cloud.azure(), "kv")
    put_in = fill(vault, NEEDED, KEYS)
    stripe.refusing = refusing
    with pytest.raises(Stopped, match="answered 401"):
        register(vault, "https://shop", put_in, client(stripe))
    stripe.refusing = ""
    with pytest.raises(Stopped, match=r"Set (STRIPE_SECRET|EASYPOST_API)_KEY"):
        register(vault, "https://shop", {}, client(stripe))
    register(vault, "https://shop", fill(vault, NEEDED, KEYS), client(stripe))
    assert (len(stripe.endpoints), len(stripe.carrier)) == (1, 1)
    assert {cloud.secret(name) != "" for name in WEBHOOKS} == {True}


def test_a_renewed_webhook_takes_the_place_of_the_old_one_and_a_new_origin_gets_its_own() -> None:
    cloud, stripe = Cloud(), Stripe()
    vault = Vault(cloud.azure(), "kv")
    register(vault, "https://shop", fill(vault, NEEDED, KEYS), client(stripe))
    before = [cloud.secret(name) for name in WEBHOOKS]
    put_in = fill(vault, NEEDED, KEYS)
    register(vault, "https://shop", put_in, client(stripe), frozenset(WEBHOOKS))
    assert (len(stripe.endpoints), len(stripe.carrier)) == (1, 1)
    assert [cloud.secret(name) for name in WEBHOOKS] != before
    register(vault, "https://books.example", put_in, client(stripe))
    urls = {hook["url"] for hook in (*stripe.carrier.values(), *stripe.endpoints.values())}
    assert "https://books.example/api/v1/webhooks/carrier" in urls
    assert "https://books.example/api/v1/webhooks/stripe" in urls


def test_front_doors_own_private_way_alone_is_approved() -> None:
    cloud = Cloud()
    path = f"{GROUP}/providers/Microsoft.ApiManagement/service/apim/privateEndpointConnections"
    states = [
        ("ours", "Pending", "Front Door of the shop"),
        ("done", "Approved", "Front Door of the shop"),
        ("foreign", "Pending", "Let me in"),
    ]
    cloud.resources[path] = {
        "value": [
            {
                "name": name,
                "id": f"{path}/{name}",
                "properties": {
                    "privateLinkServiceConnectionState": {"status": status, "description": asked}
                },
            }
            for name, status, asked in states
        ]
    }
    assert front_door.approve(cloud.azure(), "apim") == 1
    written = [request.url.path for request in cloud.requests if request.method == "PUT"]
    assert written == [f"{path}/ours"]
    routes = load()["modules/front-door-routes.bicep"].text
    assert "requestMessage: 'Front Door of the shop'" in routes


def test_a_user_is_made_by_the_identitys_client_id_and_may_change_rows_alone() -> None:
    client_id = "6f9619ff-8b86-d011-b42d-00c04fc964ff"
    statements = databases.user_statements("id-orders-x", client_id)
    assert "WITH SID = 0xFF19966F868B11D0B42D00C04FC964FF, TYPE = E" in statements[1]
    assert statements[2] == "GRANT SELECT, INSERT, UPDATE, DELETE ON SCHEMA::dbo TO [id-orders-x]"
    with pytest.raises(Stopped, match="not the name of an identity"):
        databases.user_statements("x] WITH PASSWORD = 'a'--", client_id)


def test_a_token_is_packed_as_the_driver_reads_it() -> None:
    assert databases.packed("ab") == b"\x04\x00\x00\x00a\x00b\x00"


@needs_unixodbc
def test_connections_bring_the_token_and_nothing_of_windows() -> None:
    seen: list[tuple[str, dict]] = []

    class Enough(Exception):
        pass

    def spy(_dialect: Any, _record: Any, arguments: list[str], options: dict) -> None:
        seen.append((arguments[0], dict(options)))
        raise Enough

    with databases.signed_in_by(lambda scope: f"token for {scope}"):
        engine = create_engine(databases.address("sql.example", "orders"))
        event.listen(engine, "do_connect", spy)
        with pytest.raises(Enough):
            engine.connect()
    other = create_engine(databases.address("sql.example", "orders"))
    event.listen(other, "do_connect", spy)
    with pytest.raises(Enough):
        other.connect()
    (told, options), (_, later) = seen
    assert "Trusted_Connection" not in told
    assert "Server=sql.example,1433" in told
    assert options["attrs_before"] == {1256: databases.packed(f"token for {databases.SCOPE}")}
    assert "attrs_before" not in later


def test_each_database_has_a_login() -> None:
    wanted = {schema.setting.removeprefix("SQL_").lower() for schema in SCHEMAS}
    assert wanted == {*load()["modules/identities.bicep"].variables["databases"]}


@pytest.mark.parametrize("found", ["20.50.1.2", OSError("unknown name")])
def test_a_private_size_stops_with_a_sentence_outside_of_the_network(found: str | OSError) -> None:
    def resolve(_host: str) -> str:
        if isinstance(found, OSError):
            raise found
        return found

    environment = {"SHOP_IS_PRIVATE": "true", "SHOP_SIZE": "scale", "SQL_SERVER_HOST": "sql"}
    with pytest.raises(Stopped, match="The size scale is private"):
        stay_inside(environment, resolve)
    stay_inside(environment, lambda _host: "10.0.3.4")
    stay_inside({"SHOP_IS_PRIVATE": "false"}, resolve)


def test_outside_of_the_network_all_is_done_that_can_be_and_then_it_stops() -> None:
    cloud, stripe = Cloud(), Stripe()
    environment = {
        "KEY_VAULT_NAME": "kv",
        "API_MANAGEMENT_NAME": "apim",
        "FUNCTION_APP_NAME": "func",
        "PUBLIC_BASE_URL": "https://shop",
        "NEEDED_SECRETS": json.dumps(NEEDED),
        "SQL_SERVER_HOST": "sql",
        "SQL_LOGINS": json.dumps({"orders": {"name": "id-orders", "clientId": "x"}}),
        "SHOP_IS_PRIVATE": "true",
        "SHOP_SIZE": "standard",
        "STRIPE_SECRET_KEY": "sk_1",
        "EASYPOST_API_KEY": "EZAK1",
    }

    def run(address: str) -> list[str]:
        return provisioned(
            environment,
            azure=cloud.azure(),
            client=client(stripe),
            resolve=lambda _host: address,
            bring_up=lambda host, logins, _token: [host, *logins],
        )

    with pytest.raises(Stopped, match="The size standard is private"):
        run("20.50.1.2")
    assert {name: cloud.secret(name) != "" for name in NEEDED} == dict.fromkeys(NEEDED, True)
    assert len(stripe.endpoints) == 1
    # The app reads its secrets once they are all there, and the databases come last.
    refreshed = [request.url.path for request in cloud.requests if request.method == "POST"]
    app = f"{GROUP}/providers/Microsoft.Web/sites/func"
    assert refreshed == [f"{app}/config/configreferences/appsettings/refresh"]
    written = [n for n, request in enumerate(cloud.requests) if request.method == "PUT"]
    assert max(written) < [request.method for request in cloud.requests].index("POST")
    assert run("10.0.3.4") == ["sql", "orders"]
    assert len(stripe.endpoints) == 1


def test_what_is_not_set_is_named_before_anything_is_made(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["prepare"], {}) == 1
    assert all(name in capsys.readouterr().err for name in ASKED[:1])
    asked_for = (ROOT / "infra/bicep/main.parameters.json").read_text("utf-8")
    assert [name for name in ASKED if f"${{{name}}}" not in asked_for] == []
    of_a_size = (*ASKED_OPEN, *ASKED_PRIVATE)
    assert [name for name in of_a_size if f"${{{name}=" not in asked_for] == []
    with pytest.raises(Stopped, match="AUTH_ISSUER"):
        prepare(dict.fromkeys(ASKED, "x") | {"AUTH_ISSUER": ""})


@pytest.mark.parametrize(("size", "asked"), [("dev", ASKED_OPEN), ("scale", ASKED_PRIVATE)])
def test_a_size_says_what_it_alone_needs(size: str, asked: tuple[str, ...]) -> None:
    given = dict.fromkeys(ASKED, "x") | {"SHOP_SIZE": size}
    with pytest.raises(Stopped) as stopped:
        prepare(given)
    named = [name for name in (*ASKED, *ASKED_OPEN, *ASKED_PRIVATE) if name in str(stopped.value)]
    assert named == [*asked]


def test_steps_before_provisioning_say_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["deployed"], {}) == 2
    assert "run azd provision first" in capsys.readouterr().err
    assert main(["something"], {}) == 2


def test_pages_are_sent_last_and_hidden_files_never(tmp_path: Path) -> None:
    for name in ("index.html", "scripts/shop.js", "styles/shop.css", ".secret", "README.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    cloud = Cloud()
    assert site.upload(cloud.azure(), "stmedia", tmp_path) == 3
    sent = {request.url.path: request for request in cloud.requests}
    assert list(sent) == [
        "/storefront/scripts/shop.js",
        "/storefront/styles/shop.css",
        "/storefront/index.html",
    ]
    script = sent["/storefront/scripts/shop.js"].headers
    assert script["x-ms-blob-content-type"] == "text/javascript; charset=utf-8"
    assert script["Authorization"] == f"Bearer for {site.SCOPE}"
    with pytest.raises(Stopped, match="holds no files"):
        site.upload(cloud.azure(), "stmedia", tmp_path / "none")
