"""Preferences and unsubscribing, as a Functions worker calls them."""

import json

import azure.functions as func
import pytest

from functions.notifications.triggers import blueprint, preferences, unsubscribing
from shared.kit.provider import Provider
from tests.support.calls import Caller
from tests.support.notifications import PostOffice

FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def caller(office: PostOffice) -> Caller:
    made = Caller("notifications")
    preferences.register(made.api, Provider(lambda: office.book))
    unsubscribing.register(made.api, Provider(lambda: office.book))
    return made


def token_of(office: PostOffice) -> str:
    return office.subscribers.token(office.subscribers.address("anna@example.org"))


def test_a_customer_switches_news_off_and_on(caller: Caller) -> None:
    shown = json.loads(caller.send("notifications_get_preferences", token="eve").get_body())
    assert shown == {
        "dispatched": True,
        "out_for_delivery": True,
        "delivered": True,
        "delayed": True,
    }
    said = {**shown, "dispatched": False, "delayed": False}
    for _ in range(2):
        answer = caller.send("notifications_replace_preferences", said, token="eve")
        assert json.loads(answer.get_body()) == said
    assert json.loads(caller.send("notifications_get_preferences", token="eve").get_body()) == said
    other = json.loads(caller.send("notifications_get_preferences", token="ada").get_body())
    assert all(other.values())
    fewer = {**shown, "delayed": False}
    caller.send("notifications_replace_preferences", fewer, token="eve")
    assert json.loads(caller.send("notifications_get_preferences", token="eve").get_body()) == fewer
    caller.send("notifications_replace_preferences", {}, token="eve")
    assert json.loads(caller.send("notifications_get_preferences", token="eve").get_body()) == shown


def test_only_the_customer_and_only_known_news(caller: Caller) -> None:
    assert caller.send("notifications_get_preferences").status_code == 401
    assert caller.send("notifications_replace_preferences", {}).status_code == 401
    answer = caller.send("notifications_replace_preferences", {"refunded": False}, token="eve")
    assert answer.status_code == 400
    assert json.loads(answer.get_body())["errors"][0]["pointer"] == "#/refunded"


def test_a_link_asks_before_it_stops_anything_and_can_be_taken_back(
    office: PostOffice, caller: Caller
) -> None:
    query = {"token": token_of(office)}
    for _ in range(2):
        asked = caller.send("notifications_show_unsubscribe", query=query)
        assert (asked.status_code, asked.mimetype) == (200, "text/html")
        assert b"Stop these mails" in asked.get_body()
    assert "form-action 'self'" in asked.headers["Content-Security-Policy"]
    stopped = caller.send(
        "notifications_unsubscribe",
        b"List-Unsubscribe=One-Click",
        query=query,
        content_type=FORM,
    )
    assert b"You get no more news" in stopped.get_body()
    assert office.book.by_link(query["token"]).off
    again = caller.send("notifications_unsubscribe", b"again=yes", query=query, content_type=FORM)
    assert b"Stop these mails" in again.get_body()
    assert not office.book.by_link(query["token"]).off


def test_a_mail_client_may_send_the_form_in_parts(office: PostOffice, caller: Caller) -> None:
    form = (
        b'--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\n'
        b"One-Click\r\n--x--\r\n"
    )
    token = token_of(office)
    answer = caller.send(
        "notifications_unsubscribe",
        form,
        query={"token": token},
        content_type="multipart/form-data; boundary=x",
    )
    assert answer.status_code == 200
    assert office.book.by_link(token).off


def test_only_yes_and_no_are_taken(caller: Caller) -> None:
    answer = caller.send("notifications_replace_preferences", {"delayed": 0}, token="eve")
    assert answer.status_code == 400


def test_a_forged_or_cut_link_changes_nothing(office: PostOffice, caller: Caller) -> None:
    token = token_of(office)
    subscriber, _, signature = token.partition(".")
    other = office.subscribers.address("eve@example.org")
    for wrong in (token[:-1], f"{other}.{signature}", subscriber, f".{signature}", "ü.x"):
        for name, body in (
            ("notifications_show_unsubscribe", None),
            ("notifications_unsubscribe", b"List-Unsubscribe=One-Click"),
        ):
            answer = caller.send(name, body, query={"token": wrong}, content_type=FORM)
            assert answer.status_code == 400, wrong
            assert json.loads(answer.get_body())["type"].endswith("bad-link")
    assert not office.book.by_link(office.subscribers.token(other)).off


def test_the_triggers_are_those_of_the_declared_entities(office: PostOffice) -> None:
    app = func.FunctionApp()
    never = Provider(lambda: pytest.fail("nothing is built before it is called"))
    app.register_functions(blueprint(Caller("x").edge, never, never, never, never))
    bindings = {
        str(one.get_function_name()): json.loads(str(one))["bindings"][0]
        for one in app.get_functions()
    }
    for topic, in_sessions in (
        ("orders", True),
        ("payments", True),
        ("shipping", True),
        ("inventory", False),
    ):
        binding = bindings[f"notifications_on_{topic}"]
        assert (binding["topicName"], binding["subscriptionName"]) == (topic, "notifications")
        assert binding["isSessionsEnabled"] is in_sessions
    assert bindings["notifications_send_mail"]["queueName"] == "mails"
