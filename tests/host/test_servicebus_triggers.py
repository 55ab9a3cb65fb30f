"""Service Bus functions on the host's own broker, fed and read by the real SDK."""

import json
import time
from datetime import timedelta

import pytest
from azure.servicebus import ServiceBusMessage

from tests.host.service_bus import (
    connection_string,
    declaration,
    producing,
    told,
    write_declaration,
)
from tests.support.ports import free_ports

APP = """
import asyncio, json, threading, typing
app = func.FunctionApp(http_auth_level="ANONYMOUS")

def tell(name, **facts):
    logging.info("%s %s", name, json.dumps(facts, default=str))

def facts(m):
    return {"body": m.get_body().decode(), "id": m.message_id, "count": m.delivery_count,
            "session": m.session_id, "subject": m.subject, "content_type": m.content_type,
            "properties": m.application_properties, "sequence": m.sequence_number,
            "enqueued": m.enqueued_time_utc, "expires": m.expires_at_utc}

@app.service_bus_queue_trigger(arg_name="m", queue_name="plain", connection="SB")
def one(m: func.ServiceBusMessage, context: func.Context) -> None:
    tell("one", trace=context.trace_context.trace_parent, **facts(m))

@app.service_bus_queue_trigger(arg_name="m", queue_name="%TEXT_QUEUE%", connection="SB")
async def text(m: str) -> None:
    tell("text", kind=type(m).__name__, value=m)

@app.service_bus_queue_trigger(arg_name="m", queue_name="raw", connection="SB",
                               data_type=func.DataType.BINARY)
async def raw(m: func.ServiceBusMessage) -> None:
    tell("raw", body=m.get_body().hex(), id=m.message_id)

@app.service_bus_topic_trigger(arg_name="m", topic_name="events", subscription_name="mail",
                               connection="SB")
async def mail(m: func.ServiceBusMessage) -> None:
    tell("mail", **facts(m))

@app.service_bus_topic_trigger(arg_name="ms", topic_name="events", subscription_name="bulk",
                               connection="SB", cardinality="many")
def bulk(ms: typing.List[func.ServiceBusMessage]) -> None:
    tell("bulk", messages=[facts(m) for m in ms])

@app.service_bus_queue_trigger(arg_name="m", queue_name="poison", connection="SB")
async def poisoned(m: func.ServiceBusMessage) -> None:
    tell("poisoned", count=m.delivery_count)
    raise ValueError("never")

@app.service_bus_queue_trigger(arg_name="m", queue_name="poison/$DeadLetterQueue", connection="SB")
async def undertaker(m: func.ServiceBusMessage) -> None:
    tell("undertaker", **facts(m))

running, most = 0, 0

@app.service_bus_queue_trigger(arg_name="m", queue_name="ordered", connection="SB",
                               is_sessions_enabled=True)
async def ordered(m: func.ServiceBusMessage) -> None:
    global running, most
    running += 1
    most = max(most, running)
    await asyncio.sleep(0.001)
    running -= 1
    tell("ordered", session=m.session_id, number=m.get_body().decode(), most=most)

@app.service_bus_queue_trigger(arg_name="ms", queue_name="flocks", connection="SB",
                               is_sessions_enabled=True, cardinality="many")
async def flocks(ms: typing.List[func.ServiceBusMessage]) -> None:
    tell("flocks", sessions=sorted({m.session_id for m in ms}), count=len(ms))

@app.service_bus_queue_trigger(arg_name="m", queue_name="forward", connection="SB")
@app.service_bus_topic_output(arg_name="$return", topic_name="results", connection="SB")
def forward(m: func.ServiceBusMessage) -> str:
    return m.get_body().decode()

@app.route(route="send", methods=["POST"])
@app.service_bus_queue_output(arg_name="out", queue_name="sent", connection="SB")
def send(req: func.HttpRequest, out: func.Out[str]) -> func.HttpResponse:
    out.set(req.get_body().decode())
    return func.HttpResponse("sent")

@app.route(route="send_bytes", methods=["POST"])
@app.service_bus_queue_output(arg_name="out", queue_name="sent", connection="SB")
def send_bytes(req: func.HttpRequest, out: func.Out[bytes]) -> func.HttpResponse:
    out.set(req.get_body())
    return func.HttpResponse("sent")

@app.route(route="send_nothing", methods=["POST"])
@app.service_bus_queue_output(arg_name="out", queue_name="sent", connection="SB")
def send_nothing(req: func.HttpRequest, out: func.Out[str]) -> func.HttpResponse:
    return func.HttpResponse("sent")

@app.route(route="send_dict", methods=["POST"])
@app.service_bus_queue_output(arg_name="out", queue_name="sent", connection="SB")
def send_dict(req: func.HttpRequest, out: func.Out[str]) -> func.HttpResponse:
    out.set(req.get_json())
    return func.HttpResponse("sent")

@app.route(route="send_ordered", methods=["POST"])
@app.service_bus_queue_output(arg_name="out", queue_name="ordered", connection="SB")
def send_ordered(req: func.HttpRequest, out: func.Out[str]) -> func.HttpResponse:
    out.set("no session")
    return func.HttpResponse("sent")

@app.service_bus_queue_trigger(arg_name="m", queue_name="lasting", connection="SB")
async def lasting(m: func.ServiceBusMessage) -> None:
    tell("lasting", count=m.delivery_count)
    await asyncio.sleep(2.5)

@app.service_bus_queue_trigger(arg_name="m", queue_name="blocking", connection="SB")
async def blocking(m: func.ServiceBusMessage) -> None:
    from azure.servicebus import ServiceBusClient, ServiceBusMessage
    import os
    with ServiceBusClient.from_connection_string(os.environ["SB"]) as client:
        with client.get_queue_sender("sent") as sender:
            sender.send_messages(ServiceBusMessage("from within"))
    tell("blocking")

@app.service_bus_queue_trigger(arg_name="m", queue_name="plain", connection="SB")
async def off(m: func.ServiceBusMessage) -> None:
    tell("off")

@app.service_bus_queue_trigger(arg_name="m", queue_name="plain", connection="NOWHERE")
async def nowhere(m: func.ServiceBusMessage) -> None: ...
"""
QUEUES = {
    **{name: {} for name in ("plain", "texts", "raw", "forward", "sent", "blocking")},
    "poison": {"MaxDeliveryCount": 3},
    "ordered": {"RequiresSession": True},
    "flocks": {"RequiresSession": True},
    "lasting": {"LockDuration": "PT1S"},
}
TOPICS = [
    {"Name": "events", "Subscriptions": [{"Name": "mail"}, {"Name": "bulk"}]},
    {"Name": "results", "Subscriptions": [{"Name": "all"}]},
]
HOST_JSON = {
    "extensions": {
        "serviceBus": {
            "maxConcurrentSessions": 16,
            "sessionIdleTimeout": "00:00:00.5",
            "maxMessageBatchSize": 4,
        }
    }
}


@pytest.fixture(scope="module")
def port():
    return free_ports()


@pytest.fixture(scope="module")
def host(hosts, port):
    folder = hosts.write(APP, host_json=HOST_JSON)
    write_declaration(folder / "infra", declaration(QUEUES, TOPICS))
    environment = {
        "SB": connection_string(port),
        "TEXT_QUEUE": "texts",
        "AzureWebJobs.off.Disabled": "true",
    }
    return hosts.start(folder, environment=environment)


@pytest.fixture(scope="module")
def producer(host, port):
    with producing(port) as opened:
        yield opened


def test_a_message_comes_with_its_fields_and_the_sender_s_trace(host, producer):
    trace = f"00-{'a' * 32}-{'b' * 16}-01"
    message = ServiceBusMessage(
        "hello", message_id="m-1", subject="s", content_type="text/plain",
        time_to_live=timedelta(hours=1),
        application_properties={"k": "v", "n": 3, "Diagnostic-Id": trace},
    )  # fmt: skip
    producer.send("plain", message)
    (seen,) = told(host, "one")
    assert {name: seen[name] for name in ("body", "id", "count", "subject", "content_type")} == {
        "body": "hello", "id": "m-1", "count": 1, "subject": "s", "content_type": "text/plain",
    }  # fmt: skip
    assert seen["properties"] == {"k": "v", "n": 3, "Diagnostic-Id": trace}
    assert seen["enqueued"] < seen["expires"]
    assert seen["trace"].split("-")[1] == "a" * 32
    host.wait_for_log(r"Executing 'Functions.one' \(Reason='\(null\)', Id=")
    host.wait_for_log(
        r"Trigger Details: MessageId: m-1, SequenceNumber: 1, DeliveryCount: 1, EnqueuedTimeUtc: "
    )


def test_text_is_handed_over_as_text(host, producer):
    producer.send("texts", '{"a": 1}')
    assert told(host, "text")[0] == {"kind": "str", "value": '{"a": 1}'}


def test_binary_data_stays_as_it_is(host, producer):
    producer.send("raw", ServiceBusMessage(b"\xff\x00", message_id="m"))
    assert told(host, "raw")[0] == {"body": "ff00", "id": "m"}


def test_a_topic_s_message_reaches_every_subscription(host, producer):
    producer.send("events", "news", topic=True)
    assert told(host, "mail")[0]["body"] == "news"
    assert told(host, "bulk")[0]["messages"][0]["body"] == "news"


def test_many_messages_come_as_batches_that_are_not_filled_up(host, producer):
    before = len(told(host, "bulk", 1))
    producer.send("events", *(f"b{number}" for number in range(10)), topic=True)
    seen: list[str] = []
    count = before
    while len(seen) < 10:
        count += 1
        batches = told(host, "bulk", count)[before:]
        seen = [message["body"] for batch in batches for message in batch["messages"]]
        assert all(len(batch["messages"]) <= 4 for batch in batches)
    assert seen == [f"b{number}" for number in range(10)]


def test_a_poison_message_ends_in_the_dead_letters_after_its_deliveries(host, producer):
    producer.send("poison", ServiceBusMessage("bad", message_id="p"))
    (dead,) = told(host, "undertaker")
    assert [seen["count"] for seen in told(host, "poisoned", 3)] == [1, 2, 3]
    assert (dead["body"], dead["id"], dead["count"]) == ("bad", "p", 1)
    assert dead["properties"] == {
        "DeadLetterReason": "MaxDeliveryCountExceeded",
        "DeadLetterErrorDescription": ("Message could not be consumed after 3 delivery attempts."),
    }


def test_sessions_are_in_order_while_sixteen_run_side_by_side(host, producer):
    sent = [
        ServiceBusMessage(str(number), session_id=f"s{session}")
        for number in range(8)
        for session in range(32)
    ]
    producer.send("ordered", *sent)
    seen = told(host, "ordered", len(sent))
    assert len(seen) == len(sent)
    for session in range(32):
        numbers = [int(each["number"]) for each in seen if each["session"] == f"s{session}"]
        assert numbers == list(range(8))
    assert 8 <= max(each["most"] for each in seen) <= 16


def test_a_batch_is_of_one_session(host, producer):
    sent = [ServiceBusMessage("x", session_id=session) for session in ("a", "b") for _ in range(5)]
    producer.send("flocks", *sent)
    count = 0
    seen = []
    while sum(each["count"] for each in seen) < 10:
        count += 1
        seen = told(host, "flocks", count)
    assert all(len(each["sessions"]) == 1 for each in seen)
    assert sum(each["count"] for each in seen) == 10


@pytest.mark.parametrize(
    ("route", "body", "expected"),
    [
        ("send", "plain", ["plain"]),
        ("send", '{"a":[1]}', ['{\n  "a": [\n    1\n  ]\n}']),
        ("send", '["x",1,{"b":2}]', ["x", "1", '{\n  "b": 2\n}']),
        ("send_bytes", "abc", ["System.Byte[]"]),
        ("send_dict", '{"a":1}', ['{\n  "a": 1\n}']),
    ],
)
def test_an_output_is_sent_as_the_real_host_sends_it(host, producer, route, body, expected):
    assert host.post(f"/api/{route}", body).status == 200
    received = producer.take("sent", len(expected))
    assert [b"".join(message.body).decode() for message in received] == expected
    assert {message.content_type for message in received} == {"text/plain"}
    assert all(len(message.message_id) == 32 for message in received)


def test_an_unset_output_sends_nothing(host, producer):
    assert host.post("/api/send_nothing").status == 200
    assert producer.peek("sent") == []


def test_an_output_that_cannot_be_sent_fails_the_function(host, producer):
    assert host.post("/api/send_ordered").status == 500
    assert host.post("/api/send", "{no json}").status == 500
    assert producer.peek("sent") == []


def test_a_return_value_is_sent_before_the_message_is_completed(host, producer):
    producer.send("forward", "result")
    with producer.client.get_subscription_receiver("results", "all") as receiver:
        (message,) = receiver.receive_messages(1, max_wait_time=20)
        assert b"".join(message.body) == b"result"
        receiver.complete_message(message)


def test_the_lock_is_kept_while_a_function_runs_longer_than_it(host, producer):
    producer.send("lasting", "x")
    host.wait_for_log(r"Executed 'Functions.lasting' \(Succeeded")
    assert producer.peek("lasting") == []
    assert [each["count"] for each in told(host, "lasting")] == [1]


def test_a_function_that_blocks_the_loop_can_still_reach_the_broker(host, producer):
    producer.send("blocking", "x")
    told(host, "blocking")
    assert b"".join(producer.take("sent", 1)[0].body) == b"from within"


def test_a_manual_run_gives_the_text_as_a_message(host):
    body = json.dumps({"input": "by hand"})
    assert host.post("/admin/functions/one", body).status == 202
    while not any(each["body"] == "by hand" for each in told(host, "one")):
        time.sleep(0.02)
    assert host.post("/admin/functions/bulk", body).status == 202


def test_a_disabled_function_does_not_listen(host):
    assert "Executed 'Functions.one'" in host.log
    assert "Functions.off" not in host.log


def test_a_connection_that_is_no_setting_keeps_only_its_function_from_listening(host):
    host.wait_for_log("The listener for function 'Functions.nowhere' was unable to start.")
    host.wait_for_log("Service Bus connection 'NOWHERE' does not exist.")
