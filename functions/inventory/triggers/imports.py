"""The back office's routes for deliveries of data, and the timer that works at them."""

import hashlib
import re
from datetime import UTC, datetime
from typing import Annotated

import azure.functions as func
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from functions.inventory.import_model import (
    AnnouncedImport,
    FileName,
    ImportList,
    ImportNotStartable,
    ImportOptions,
    ImportStatus,
    StockRule,
    UnknownImport,
    UnknownUpload,
)
from functions.inventory.media_model import ANY_TYPE
from functions.inventory.service.imports import Imports
from shared.blobs.uploads import FolderUploads
from shared.http import problems
from shared.http.bodies import check_json
from shared.http.calls import Answer, Call, Nothing, RawBody
from shared.http.edge import KIBIBYTE, Api
from shared.kit.errors import BadInput, IdempotencyMismatch
from shared.kit.idempotency import Delivery
from shared.kit.provider import Provider

_ROLE = "catalogue.write"
_JSON = "application/json"
_FEEDS = ("text/csv", "text/tab-separated-values", "application/xml", "text/xml")
_LARGEST_UPLOAD = 100 * 1024 * KIBIBYTE
_SLICE_SECONDS = 20.0
_MAP = "The column for a field, `price=RRP`; further ones behind commas, or in the parameter again."
_SET = (
    "What is said of books that do not say it, `price=9.99`; further fields behind commas, or in "
    "the parameter again. A value may have commas: `authors=Austen, Jane`."
)
_NEXT_PAIR = re.compile(r",[, ]*(?=\w+ *=)")
"""A comma within a value has no `field=` behind it."""


class ImportQuery(BaseModel):
    """Of a file that is sent inline: `map` and `set` are pairs such as `price=RRP,title=Name`."""

    model_config = ConfigDict(extra="forbid")

    file_name: FileName = "inline"
    map: Annotated[str, Field(max_length=4000, description=_MAP)] = ""
    set: Annotated[str, Field(max_length=4000, description=_SET)] = ""
    stock: StockRule = "new"


class ImportPath(BaseModel):
    id: Annotated[str, Field(max_length=64)]


class UploadPath(BaseModel):
    token: Annotated[str, Field(max_length=200)]


def register(api: Api, imports: Provider[Imports]) -> None:
    @api.route(
        "POST",
        "v1/admin/imports",
        summary="Import books from CSV or ONIX 3",
        query=ImportQuery,
        body=RawBody,
        takes=(*_FEEDS, _JSON, ANY_TYPE),
        json_body=AnnouncedImport,
        answers={201: ImportStatus, 202: ImportStatus},
        problems=(IdempotencyMismatch,),
        role=_ROLE,
        idempotent=True,
    )
    def create_import(call: Call[Nothing, ImportQuery, RawBody]) -> Answer:
        """A file of up to 1 MiB is the body itself, and its import begins at once (202).

        A larger one is announced in JSON: `file_name`, `size`, and perhaps `map`, `set` and
        `stock`; the answer (201) has the address to which it is to be PUT, and then `start` begins.
        """
        if call.body.media_type == _JSON:
            said = _announced(call.body.content)
            delivery = _delivery(call, said.model_dump_json())
            status, replayed = imports().announce(said, call.signed_in.subject, delivery)
            return _shown(status, 201, replayed)
        options = _options(call.query)
        digest = hashlib.sha256(call.body.content).hexdigest()
        delivery = _delivery(call, call.query.model_dump_json(), digest)
        status, replayed = imports().take_in(
            call.body.content,
            call.query.file_name,
            options,
            call.signed_in.subject,
            delivery,
        )
        return _shown(status, 202, replayed)

    @api.route(
        "POST",
        "v1/admin/imports/{id}/start",
        summary="Begin the import of an uploaded file",
        path_model=ImportPath,
        answers={202: ImportStatus},
        problems=(UnknownImport, ImportNotStartable),
        role=_ROLE,
        idempotent=True,
    )
    def start_import(call: Call[ImportPath, Nothing, Nothing]) -> Answer:
        """Harmless where it was begun before."""
        return _shown(imports().start(call.path.id), 202, replayed=False)

    @api.route(
        "GET",
        "v1/admin/imports",
        summary="The last hundred imports",
        answers={200: ImportList},
        role=_ROLE,
    )
    def list_imports(call: Call[Nothing, Nothing, Nothing]) -> Answer:
        return Answer(imports().newest())

    @api.route(
        "GET",
        "v1/admin/imports/{id}",
        summary="How an import stands",
        path_model=ImportPath,
        answers={200: ImportStatus},
        problems=(UnknownImport,),
        role=_ROLE,
    )
    def get_import(call: Call[ImportPath, Nothing, Nothing]) -> Answer:
        """With its counts, its notes and the first 1,000 records that were refused."""
        return Answer(imports().status(call.path.id))


def register_timers(blueprint: func.Blueprint, imports: Provider[Imports]) -> None:
    @blueprint.function_name("inventory_run_imports")
    @blueprint.timer_trigger(schedule="*/5 * * * * *", arg_name="timer")
    def run_imports(timer: func.TimerRequest) -> None:
        """Goes on with imports that were begun, a slice at a time."""
        imports().work(_SLICE_SECONDS)

    @blueprint.function_name("inventory_purge_imports")
    @blueprint.timer_trigger(schedule="0 15 3 * * *", arg_name="timer")
    def purge_imports(timer: func.TimerRequest) -> None:
        """Imports that ended long ago, or were never started, are forgotten with their files."""
        imports().purge()


def register_uploads(api: Api, imports: Provider[Imports], uploads: FolderUploads) -> None:
    """Only where uploads lie in a folder: in Azure they go to the blob store itself."""

    @api.route(
        "PUT",
        "uploads/{token}",
        summary="Send an announced file",
        path_model=UploadPath,
        body=RawBody,
        answers={204: None},
        problems=(UnknownUpload, ImportNotStartable),
        largest_body=_LARGEST_UPLOAD,
    )
    def put_upload(call: Call[UploadPath, Nothing, RawBody]) -> Answer:
        """The address, with its signature, comes from the import that was announced."""
        name = uploads.named_by(call.path.token, datetime.now(UTC))
        if name is None:
            raise UnknownUpload
        imports().upload(name, call.body.content)
        return Answer(status=204)


def _announced(content: bytes) -> AnnouncedImport:
    check_json(content)
    try:
        return AnnouncedImport.model_validate_json(content)
    except ValidationError as error:
        raise problems.from_validation(error, "body") from None


def _options(query: ImportQuery) -> ImportOptions:
    try:
        return ImportOptions(
            map=_pairs("map", query.map), set=_pairs("set", query.set), stock=query.stock
        )
    except ValidationError as error:
        raise problems.from_validation(error, "query") from None


def _pairs(name: str, said: str) -> dict[str, str]:
    pairs = {}
    # Hosts join a parameter that stands several times with commas.
    for pair in filter(None, _NEXT_PAIR.split(said.strip(", "))):
        field, _, value = pair.partition("=")
        if not field.strip() or not value.strip():
            raise BadInput.at(name, "must be pairs such as price=9.99,stock=10")
        if field.strip() in pairs:
            raise BadInput.at(name, f"says {field.strip()[:40]} twice")
        pairs[field.strip()] = value.strip()
    return pairs


def _delivery(call: Call[Nothing, ImportQuery, RawBody], *content: str) -> Delivery:
    assert call.idempotency_key is not None
    return Delivery.of(
        call.signed_in.subject, "POST v1/admin/imports", call.idempotency_key, *content
    )


def _shown(status: ImportStatus, code: int, replayed: bool) -> Answer:
    headers = {"Location": f"/api/v1/admin/imports/{status.id}"}
    if replayed:
        headers["Idempotency-Replayed"] = "true"
    return Answer(status, code, headers=headers)
