"""A durable app that the tests of the management API drive, with a route that calls any method of
the SDK's client."""

__all__ = ["APP"]

APP = """
import json
from datetime import datetime
import azure.durable_functions as df

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.orchestration_trigger(context_name="context")
def echo(context):
    return (yield context.call_activity("same", context.get_input()))

@app.orchestration_trigger(context_name="context")
def plain(context):
    return {"given": context.get_input(), "version": context.version}

@app.orchestration_trigger(context_name="context")
def wait(context):
    context.set_custom_status({"waits": "for go"})
    return (yield context.wait_for_external_event("go"))

@app.orchestration_trigger(context_name="context")
def fail(context):
    yield context.call_activity("refuse", context.get_input())

@app.activity_trigger(input_name="value")
def same(value: str):
    return value

@app.activity_trigger(input_name="value")
def refuse(value: str):
    raise ValueError("refused")

@app.entity_trigger(context_name="context")
def counter(context):
    value = context.get_state(lambda: 0)
    if context.operation_name == "delete":
        context.destruct_on_exit()
        return
    if context.operation_name == "add":
        value += context.get_input()
    context.set_state(value)
    context.set_result(value)

@app.route(route="client/{method}")
@app.durable_client_input(client_name="client")
async def client(req: func.HttpRequest, client):
    given = req.get_json() if req.get_body() else []
    method = req.route_params["method"]
    try:
        return answer(await call(client, method, given, req))
    except Exception as error:
        return func.HttpResponse(json.dumps({"raised": str(error)}), status_code=418)

async def call(client, method, given, req):
    if method == "read_entity_state":
        state = await client.read_entity_state(df.EntityId(*given))
        return [state.entity_exists, state.entity_state]
    if method == "signal_entity":
        return await client.signal_entity(df.EntityId(*given[:2]), *given[2:])
    if method == "create_check_status_response":
        return client.create_check_status_response(req, *given)
    if method == "wait_for_completion_or_create_check_status_response":
        return await client.wait_for_completion_or_create_check_status_response(req, *given)
    if method == "create_http_management_payload":
        return client.create_http_management_payload(*given)
    if isinstance(given, dict):
        for name in given:
            if name.startswith("created_time"):
                given[name] = datetime.fromisoformat(given[name])
            if name == "runtime_status":
                given[name] = [df.OrchestrationRuntimeStatus[status] for status in given[name]]
        return await getattr(client, method)(**given)
    return await getattr(client, method)(*given)

def answer(result):
    if isinstance(result, func.HttpResponse):
        return result
    return func.HttpResponse(json.dumps(readable(result)), mimetype="application/json")

def readable(result):
    if isinstance(result, list):
        return [readable(item) for item in result]
    if hasattr(result, "runtime_status"):
        if not result:
            return {"found": False}
        history = getattr(result, "historyEvents", None)
        return {"found": True, **result.to_json(), "history": history}
    return getattr(result, "instances_deleted", result)

@app.route(route="elsewhere")
@app.durable_client_input(client_name="client", task_hub="OtherHub", connection_name="Elsewhere")
async def elsewhere(req: func.HttpRequest, client):
    return answer({"hub": client._orchestration_bindings.task_hub_name,
                   **client.create_http_management_payload("abc")})

@app.route(route="binding")
@app.generic_input_binding(arg_name="client", type="durableClient")
def binding(req: func.HttpRequest, client: str):
    return func.HttpResponse(client)

@app.route(route="legacy")
@app.generic_input_binding(arg_name="starter", type="orchestrationClient")
async def legacy(req: func.HttpRequest, starter: str):
    client = df.DurableOrchestrationClient(starter)
    return client.create_check_status_response(req, await client.start_new("plain"))
"""
