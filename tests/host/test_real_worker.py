"""The real worker library and this host on one app: the same index, the same results."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from local.environment import embedded

pytestmark = pytest.mark.skipif(
    sys.version_info < (3, 13), reason="the real worker library needs Python 3.13"
)

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
APP = """
import json, typing
import azure.durable_functions as df

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)
R = func.HttpResponse

def facts(message):
    return {"id": message.message_id, "body": message.get_body().decode(),
            "count": message.delivery_count, "session": message.session_id,
            "properties": message.application_properties}

@app.route(route="hello/{name:alpha?}", methods=["GET", "POST"])
def hello(req: func.HttpRequest) -> func.HttpResponse:
    return R(json.dumps([req.method, req.url, req.route_params, dict(req.params),
                         dict(req.headers), req.get_body().decode()], default=dict),
             headers={"X-A": "1"}, status_code=201, mimetype="application/json")

@app.route(route="text")
async def text(req) -> str:
    return "hé"

@app.route()
def nothing(req: func.HttpRequest):
    return None

@app.route()
@app.service_bus_queue_output(arg_name="out", queue_name="q", connection="SB")
@app.queue_output(arg_name="unset", queue_name="q", connection="ST")
def sends(req: func.HttpRequest, out: func.Out[str], unset: func.Out[str]) -> func.HttpResponse:
    out.set("payload")
    return R("sent")

@app.retry(strategy="fixed_delay", max_retry_count="3", delay_interval="00:00:10")
@app.timer_trigger(arg_name="t", schedule="0 */5 * * * *", run_on_startup=False)
def tick(t: func.TimerRequest, context: func.Context) -> None:
    assert t.past_due and context.function_name == "tick" and context.retry_context.retry_count == 0

@app.schedule(arg_name="t", schedule="0 */5 * * * *")
def returns(t):
    return "something"

@app.service_bus_queue_trigger(arg_name="m", queue_name="q", connection="SB", is_sessions_enabled=True)
@app.service_bus_topic_output(arg_name="$return", topic_name="t", connection="SB")
def bus(m: func.ServiceBusMessage) -> str:
    return json.dumps(facts(m))

@app.service_bus_topic_trigger(arg_name="ms", topic_name="t", subscription_name="s",
    connection="SB", cardinality="many")
@app.queue_output(arg_name="out", queue_name="q", connection="ST")
def batch(ms: typing.List[func.ServiceBusMessage], out: func.Out[str]) -> None:
    out.set(json.dumps([facts(m) for m in ms]))

@app.service_bus_queue_trigger(arg_name="m", queue_name="q2", connection="SB")
@app.queue_output(arg_name="out", queue_name="q", connection="ST")
def raw(m: str, out: func.Out[bytes]) -> None:
    out.set(m.encode())

@app.queue_trigger(arg_name="m", queue_name="q", connection="ST")
@app.queue_output(arg_name="$return", queue_name="q2", connection="ST")
def queue(m: func.QueueMessage):
    return [m.get_body().decode(), m.id, str(m.dequeue_count)]

@app.blob_trigger(arg_name="b", path="c/{name}.txt", connection="ST")
@app.blob_input(arg_name="i", path="c2/{name}.txt", connection="ST")
@app.blob_output(arg_name="o", path="c3/{name}.txt", connection="ST")
def blob(b: func.InputStream, i: bytes, o: func.Out[str]) -> None:
    o.set(f"{b.name} {b.read().decode()} {i.decode()}")

@app.event_grid_trigger(arg_name="e")
@app.queue_output(arg_name="out", queue_name="q", connection="ST")
def grid(e: func.EventGridEvent, out: func.Out[str]) -> None:
    out.set(f"{e.id} {e.get_json()}")

@app.warm_up_trigger("w")
def warm(w) -> None: ...

@app.generic_trigger(arg_name="x", type="pigeonTrigger", some_key="v", data_type=func.DataType.STRING)
def pigeon(x):
    return {"got": x}

@app.activity_trigger(input_name="city")
def act(city: str) -> str:
    if city == "nowhere":
        raise ValueError("no such city")
    return f"Hello {city}"

@app.orchestration_trigger(context_name="context")
def orch(context: df.DurableOrchestrationContext):
    return (yield context.call_activity("act", "Tokyo"))

@app.entity_trigger(context_name="context")
def counter(context: df.DurableEntityContext):
    context.set_state(context.get_state(lambda: 0) + int(context.get_input()))
    context.set_result(context.get_state(lambda: 0))

@app.route(route="start")
@app.durable_client_input(client_name="client")
async def start(req: func.HttpRequest, client) -> func.HttpResponse:
    return R(str(type(client).__name__))
"""
HTTP = {
    "method": "POST",
    "url": "http://localhost:7071/api/hello/bob?a=1",
    "headers": {"host": "localhost"},
    "params": {"name": "bob"},
    "query": {"a": "1"},
    "body": "hi",
}
TIMER = '{"Schedule":{"AdjustForDST":true},"ScheduleStatus":null,"IsPastDue":true}'
MESSAGE = {
    "MessageId": ["m1", "string"],
    "DeliveryCount": ["1", "json"],
    "SessionId": ["s", "string"],
    "UserProperties": ['{"k":"v"}', "json"],
    "ApplicationProperties": ['{"k":"v"}', "json"],
}
MESSAGES = {
    "MessageIdArray": ['["m1","m2"]', "json"],
    "DeliveryCountArray": ["[1,2]", "json"],
    "UserPropertiesArray": ["[{},{}]", "json"],
    "ApplicationPropertiesArray": ["[{},{}]", "json"],
}
# As the host's own Service Bus trigger makes it.
OWN_MESSAGES = {
    "MessageIdArray": [["m1", "m2"], "collection_string"],
    "SequenceNumberArray": [[7, 8], "collection_sint64"],
    "DeliveryCountArray": ["[1, 2]", "json"],
    "EnqueuedTimeUtcArray": ['["2026-01-01T00:00:00.12Z", "2026-01-01T00:00:01Z"]', "json"],
    "ExpiresAtUtcArray": ['["9999-12-31T23:59:59.9999999Z", "2026-01-02T00:00:00Z"]', "json"],
    "SessionIdArray": [["s"], "collection_string"],
    "UserPropertiesArray": ['[{"k":"v"},{}]', "json"],
    "ApplicationPropertiesArray": ['[{"k":"v"},{}]', "json"],
}
OVERRIDDEN = {**MESSAGE, "DeliveryCount": ["9", "string"], "SessionId": ["from the body", "string"]}
BLOB = {
    "BlobTrigger": ["c/x.txt", "string"],
    "Uri": ["http://b/c/x.txt", "string"],
    "Properties": ['{"Length": 4}', "json"],
    "Metadata": ["{}", "json"],
}
QUEUE = {"Id": ["i1", "string"], "DequeueCount": ["3", "json"]}
GRID = (
    '{"id":"e1","topic":"t","subject":"s","eventType":"T","eventTime":"2026-01-01T00:00:00Z",'
    '"data":{"a":1},"dataVersion":"1"}'
)
ORCHESTRATION = json.dumps(
    {
        "history": [
            {"EventType": 12, "EventId": -1, "IsPlayed": False, "Timestamp": "2026-01-01T00:00:00Z"},
            {"EventType": 0, "EventId": -1, "IsPlayed": False, "Timestamp": "2026-01-01T00:00:00Z",
             "Name": "orch", "Version": None, "Input": None},
        ],
        "input": None, "instanceId": "i1", "isReplaying": False, "parentInstanceId": None,
        "upperSchemaVersion": 1, "upperSchemaVersionNew": 2,
        "maximumShortTimerDuration": "6.00:00:00",
        "longRunningTimerIntervalDuration": "3.00:00:00",
    }
)  # fmt: skip
ENTITY = (
    '{"self":{"name":"counter","key":"k"},"exists":false,"state":null,'
    '"batch":[{"name":"add","input":"\\"5\\"","isSignal":false}]}'
)
CLIENT = json.dumps(
    {
        "taskHubName": "hub", "creationUrls": {}, "managementUrls": {}, "baseUrl": "http://h",
        "requiredQueryStringParameters": "", "rpcBaseUrl": "http://h", "httpBaseUrl": "http://h",
        "maxGrpcMessageSizeInBytes": 1, "grpcHttpClientTimeout": "00:01:40",
    }
)  # fmt: skip
CASES = [
    {"function": "hello", "inputs": {"req": [HTTP, "http"]}},
    {"function": "text", "inputs": {"req": [HTTP, "http"]}},
    {"function": "nothing", "inputs": {"req": [HTTP, "http"]}},
    {"function": "sends", "inputs": {"req": [HTTP, "http"]}},
    {"function": "tick", "inputs": {"t": [TIMER, "json"]}},
    {"function": "returns", "inputs": {"t": [TIMER, "json"]}},
    {"function": "bus", "inputs": {"m": ["body", "string"]}, "metadata": MESSAGE},
    {"function": "bus", "inputs": {"m": ["body", "bytes"]}, "metadata": MESSAGE},
    {"function": "batch", "inputs": {"ms": ['["a","b"]', "json"]}, "metadata": MESSAGES},
    {
        "function": "batch",
        "inputs": {"ms": [["a", "b"], "collection_string"]},
        "metadata": MESSAGES,
    },
    {
        "function": "batch",
        "inputs": {"ms": [["a", "b"], "collection_string"]},
        "metadata": OWN_MESSAGES,
    },
    {"function": "bus", "inputs": {"m": ["{}", "string"]}, "metadata": OVERRIDDEN},
    {"function": "raw", "inputs": {"m": ["text", "string"]}, "metadata": MESSAGE},
    {"function": "queue", "inputs": {"m": ["body", "string"]}, "metadata": QUEUE},
    {
        "function": "blob",
        "inputs": {"b": ["data", "bytes"], "i": ["input", "bytes"]},
        "metadata": BLOB,
    },
    {"function": "grid", "inputs": {"e": [GRID, "json"]}},
    {"function": "warm", "inputs": {"w": ["{}", "json"]}},
    {"function": "pigeon", "inputs": {"x": ["coo", "string"]}},
    *(
        {"function": "act", "inputs": {"city": [text, "json"]}}
        for text in ('"Tokyo"', "{bad", "5", "null", '"nowhere"')
    ),
    {"function": "orch", "inputs": {"context": [ORCHESTRATION, "json"]}},
    {"function": "counter", "inputs": {"context": [ENTITY, "string"]}},
    {"function": "start", "inputs": {"req": [HTTP, "http"], "client": [CLIENT, "string"]}},
]


def run(script, app_dir, cases, **environment):
    finished = subprocess.run(
        [sys.executable, str(HERE / script), str(app_dir)],
        input=json.dumps(cases), capture_output=True, text=True, cwd=app_dir, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr
    # Entities tell when they began and how long they took.
    timeless = re.sub(r'(startTime|duration)\\": \d+', r"\1", finished.stdout.splitlines()[-1])
    return json.loads(timeless)


@pytest.fixture(scope="module")
def both(hosts):
    app_dir = hosts.write(APP)
    return [run(worker, app_dir, CASES) for worker in ("real_worker.py", "our_worker.py")]


def test_the_real_worker_indexes_the_app_as_we_do(both):
    real, ours = both
    assert "error" not in real
    assert ours["functions"] == real["functions"]
    assert len(real["functions"]) == len({*(case["function"] for case in CASES)})


@pytest.mark.parametrize("index", range(len(CASES)), ids=[case["function"] for case in CASES])
def test_an_invocation_gives_what_the_real_worker_gives(both, index):
    real, ours = (side["results"][index] for side in both)
    assert ours == real


def test_over_http_a_function_gives_what_the_real_worker_gives(hosts, both):
    real = both[0]["results"][0]["returned"]
    only_http = APP.partition("@app.service_bus")[0].replace("@app.route()\n", "")
    host = hosts.start(only_http)
    address = "/api/hello/bob?a=1"
    answer = host.post(address, "hi", {"Host": "localhost:7071"})
    assert answer.status == real["status"]
    assert answer.header("x-a") == real["headers"]["X-A"]
    assert answer.header("content-type") == real["headers"]["content-type"]
    given, expected = answer.json, json.loads(real["body"])
    assert [given[index] for index in (0, 1, 2, 3, 5)] == [
        expected[index] for index in (0, 1, 2, 3, 5)
    ]


def get(path, query=()):
    headers = {"host": "localhost", "x-correlation-id": "from-a-test"}
    return {
        "method": "GET", "url": f"http://localhost:7071/api/{path}", "headers": headers,
        "params": {}, "query": dict(query), "body": "",
    }  # fmt: skip


def test_the_shop_runs_on_the_real_worker_as_on_ours(tmp_path):
    settings = embedded(tmp_path, 7071)
    subprocess.run(
        [sys.executable, "-m", "local.migrate"],
        cwd=ROOT,
        env={**os.environ, **settings},
        check=True,
    )
    cases = [
        {"function": "ops_live", "inputs": {"req": [get("health/live"), "http"]}},
        {"function": "inventory_list_books", "inputs": {"req": [get("v1/books"), "http"]}},
        {
            "function": "inventory_list_books",
            "inputs": {"req": [get("v1/books", {"limit": "0"}), "http"]},
        },
        {"function": "inventory_expire_reservations", "inputs": {"timer": [TIMER, "json"]}},
    ]
    real, ours = (
        run(worker, ROOT, cases, **settings) for worker in ("real_worker.py", "our_worker.py")
    )
    assert "error" not in real
    assert ours == real
    assert [result["ok"] for result in real["results"]] == [True] * len(cases)
    assert [result["returned"]["status"] for result in real["results"][:3]] == [200, 200, 400]
