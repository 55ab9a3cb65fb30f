"""The worker's verdict on single apps, word for word. Read in process: each is a module of its own."""

import itertools
import json
import sys
import textwrap

import pytest

from funchost.index import FunctionLoadError, InvalidFileNameError, index_app, script_file_name

HEAD = """
import logging, typing
import azure.functions as func
app = func.FunctionApp(http_auth_level="ANONYMOUS")
"""
_numbers = itertools.count()


@pytest.fixture
def index(tmp_path, monkeypatch):
    """Writes an app and indexes it; its code follows HEAD unless `bare`."""

    def write_and_index(code, *, bare=False):
        name = f"indexed_app_{next(_numbers)}"
        text = textwrap.dedent(code)
        (tmp_path / f"{name}.py").write_text(text if bare else HEAD + text, "utf-8")
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.setenv("PYTHON_SCRIPT_FILE_NAME", f"{name}.py")
        try:
            return index_app(tmp_path)
        finally:
            sys.modules.pop(name, None)

    return write_and_index


@pytest.mark.parametrize(
    ("code", "error", "text"),
    [
        ("again = app", ValueError, "More than one FunctionApp or other top level function app instances are defined."),
        ("del app", ValueError, "Could not find top level function app instances in "),
        (
            """
            @app.service_bus_queue_trigger(arg_name="m", queue_name="q", connection="C", cardinality="many")
            def f(m: list[func.ServiceBusMessage]): ...
            """,
            FunctionLoadError,
            "cannot load the f function: binding m has invalid non-type annotation list[azure.functions._servicebus.ServiceBusMessage]",
        ),
        (
            """
            @app.blob_trigger(arg_name="b", path="c/{n}", connection="C")
            def f(b: int): ...
            """,
            FunctionLoadError,
            "cannot load the f function: binding type \"'b'\" and dataType \"blobTrigger\" in the binding decorator do not match the corresponding function parameter's Python type annotation int",
        ),
        (
            """
            @app.blob_trigger(arg_name="b", path="c/{n}", connection="C", data_type=func.DataType.UNDEFINED)
            def f(b: int): ...
            """,
            FunctionLoadError,
            'cannot load the f function: type of b binding in the binding decorator "blobTrigger" does not match its Python annotation "int"',
        ),
        (
            """
            @app.route()
            def f(req: func.HttpRequest, zz): ...
            """,
            FunctionLoadError,
            "cannot load the f function: the following parameters are declared in Python but not in the function definition (function.json or function decorators):  {'zz'}",
        ),
        (
            """
            @app.route()
            @app.queue_output(arg_name="q", queue_name="q", connection="C")
            def f(req: func.HttpRequest): ...
            """,
            FunctionLoadError,
            "cannot load the f function: Extra parameters in binding definition — the following parameters are declared as bindings but are not present in Python: {'q'}",
        ),
        (
            """
            @app.route()
            @app.queue_output(arg_name="q", queue_name="q", connection="C")
            def f(req: func.HttpRequest, q: str): ...
            """,
            FunctionLoadError,
            'cannot load the f function: binding q is declared to have the "out" direction, but its annotation in Python is not a subclass of azure.functions.Out',
        ),
        (
            """
            @app.route()
            def f(req: func.Out[func.HttpRequest]): ...
            """,
            FunctionLoadError,
            'cannot load the f function: binding req is declared to have the "in" direction in the binding decorator, but its annotation is azure.functions.Out in Python',
        ),
        (
            """
            @app.warm_up_trigger("w")
            def f(w: func.Context): ...
            """,
            FunctionLoadError,
            "cannot load the f function: binding type \"'w'\" and dataType \"warmupTrigger\" in the binding decorator do not match the corresponding function parameter's Python type annotation Context",
        ),
        (
            """
            @app.route()
            def f(req: func.HttpRequest) -> int: ...
            """,
            FunctionLoadError,
            'cannot load the f function: Python return annotation "int" does not match binding type "http"',
        ),
        (
            """
            @app.route()
            def f(req: func.HttpRequest) -> func.Out[str]: ...
            """,
            FunctionLoadError,
            "cannot load the f function: return annotation should not be azure.functions.Out",
        ),
        (
            """
            @app.route()
            def f(req: func.HttpRequest) -> typing.Optional[str]: ...
            """,
            FunctionLoadError,
            "cannot load the f function: has invalid non-type return annotation typing.Optional[str]",
        ),
        (
            """
            @app.route()
            def f(req: func.HttpRequest, context: str): ...
            """,
            FunctionLoadError,
            'cannot load the f function: the "context" parameter is expected to be of type azure.functions.Context, got "<class \'str\'>"',
        ),
        (
            """
            @app.function_name("f")
            @app.queue_output(arg_name="q", queue_name="q", connection="C")
            def f(q): ...
            """,
            ValueError,
            "Function f does not have a trigger. A valid function must have one and only one trigger registered.",
        ),
        (
            """
            @app.route()
            def f(req): ...
            @app.function_name("f")
            @app.route()
            def g(req): ...
            """,
            ValueError,
            "Function f does not have a unique function name. Please change @app.function_name() or the function method name to be unique.",
        ),
        (
            """
            @app.route()
            @app.queue_trigger(arg_name="q", queue_name="q", connection="C")
            def f(req, q): ...
            """,
            ValueError,
            "A trigger was already registered to this function.",
        ),
        ("import nosuchmod", ModuleNotFoundError, "No module named 'nosuchmod'. Cannot find module. Please check the requirements.txt file for the missing module. For more info, please refer the troubleshooting guide: https://aka.ms/functions-modulenotfound. Current sys.path: "),
    ],
)  # fmt: skip
def test_the_worker_refuses_the_whole_app(index, code, error, text):
    with pytest.raises(error) as raised:
        index(code)
    assert str(raised.value).startswith(text)


@pytest.mark.parametrize(
    "code",
    [
        """
        @app.route(trigger_arg_name="my_req")
        def f(my_req: func.HttpRequest): ...
        """,
        """
        @app.route()
        def f(req: "func.HttpRequest") -> "func.HttpResponse": ...
        """,
        """
        @app.service_bus_queue_trigger(arg_name="m", queue_name="q", connection="C", cardinality="many")
        def f(m: typing.List[func.ServiceBusMessage]): ...
        """,
        """
        @app.service_bus_queue_trigger(arg_name="m", queue_name="q", connection="C")
        @app.service_bus_queue_output(arg_name="o", queue_name="q", connection="C")
        def f(m: str, o: func.Out[bytes]): ...
        """,
        """
        @app.route()
        @app.queue_output(arg_name="q", queue_name="q", connection="C")
        def f(req: func.HttpRequest, q: func.Out[typing.List[str]]) -> str: ...
        """,
        """
        @app.route()
        @app.durable_client_input(client_name="client")
        def f(req: func.HttpRequest, client): ...
        """,
    ],
)
def test_the_worker_accepts(index, code):
    assert [function.name for function in index(code)] == ["f"]


def test_annotations_may_be_postponed(index):
    code = "from __future__ import annotations\n" + HEAD + textwrap.dedent(
        """
        @app.route()
        def f(req: func.HttpRequest) -> func.HttpResponse: ...
        """
    )  # fmt: skip
    assert index(code, bare=True)[0].inputs["req"].kind == "httpTrigger"


def test_names_that_differ_in_case_pass_the_worker(index):
    code = """
    @app.route()
    def f(req): ...
    @app.route()
    def F(req): ...
    """
    assert [function.name for function in index(code)] == ["f", "F"]


def test_a_folder_without_the_entry_file_has_no_functions(tmp_path, monkeypatch):
    monkeypatch.delenv("PYTHON_SCRIPT_FILE_NAME", raising=False)
    assert index_app(tmp_path) == []


@pytest.mark.parametrize("name", ["app.txt", "a/b.py", "..py", "x.py\n"])
def test_an_entry_file_must_be_a_plain_python_name(monkeypatch, name):
    monkeypatch.setenv("PYTHON_SCRIPT_FILE_NAME", name)
    with pytest.raises(InvalidFileNameError):
        script_file_name()


def test_a_function_is_described_as_the_worker_describes_it(index):
    function = index(
        """
        @app.retry(strategy="exponential_backoff", max_retry_count="-1",
            minimum_interval="00:00:05", maximum_interval="00:15:00")
        @app.route(route="x/{y}", methods=["get"])
        @app.service_bus_topic_output(arg_name="out", topic_name="t", connection="C")
        async def f(req: func.HttpRequest, out: func.Out[str], context: func.Context) -> str: ...
        """
    )[0]
    assert [json.loads(text) for text in function.raw_bindings] == [
        {"direction": "OUT", "type": "serviceBus", "name": "out", "connection": "C", "topicName": "t"},
        {"direction": "IN", "type": "httpTrigger", "name": "req", "methods": ["GET"],
         "authLevel": "ANONYMOUS", "route": "x/{y}"},
        {"direction": "OUT", "type": "http", "name": "$return"},
    ]  # fmt: skip
    assert function.is_async
    assert function.requires_context
    assert function.outputs["out"].kind == "generic"
    assert function.returns.kind == "http"
    assert function.trigger["type"] == "httpTrigger"
    assert function.retry.exponential
    assert (function.retry.maximum_retries, function.retry.minimum_delay) == (-1, 5.0)
