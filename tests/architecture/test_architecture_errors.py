"""One list of reasons: in the proto, in the table of codes, in every dialect."""

import importlib
import json
import re

import pytest
from framework.source_tree import ROOT

from quintet.errors.v1 import error_reason_pb2
from quintet_errors import GRPC_CODES, DomainError, Reason

PROTO = ROOT / "protos" / "quintet" / "errors" / "v1" / "error_reason.proto"
DIALECTS = sorted(path.parent.name for path in (ROOT / "gateway/quintet_gateway/dialects").glob("*/errors.py"))
PREFIX = "ERROR_REASON_"
SENTENCE = "Something specific happened; do that."


def test_reasons_are_those_of_the_proto():
    names = {name.removeprefix(PREFIX) for name in error_reason_pb2.ErrorReason.keys()}  # noqa: SIM118 - no mapping
    assert {reason.value for reason in Reason} == names - {"UNSPECIFIED"}


@pytest.mark.parametrize("reason", Reason)
def test_code_is_the_documented_one(reason):
    documented = re.search(rf"Code ([A-Z_]+)\.\n  {PREFIX}{reason} = ", PROTO.read_text())
    assert documented, f"the proto does not document the code of {reason}"
    assert GRPC_CODES[reason].name == documented[1]


def test_there_is_a_dialect():
    assert "nexus" in DIALECTS


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("reason", Reason)
def test_every_dialect_renders_every_reason(reason, dialect):
    render = importlib.import_module(f"quintet_gateway.dialects.{dialect}.errors").render
    response = render(DomainError(reason, SENTENCE, {"retryAfterSeconds": "7", "field": "x"}))
    assert 400 <= response.status < 600
    assert response.content_type == "application/json"
    assert "Traceback" not in response.text
    if response.status == 503:
        assert int(response.headers["Retry-After"]) > 0


@pytest.mark.parametrize("dialect", DIALECTS)
def test_no_dialect_shows_what_it_does_not_know(dialect):
    render = importlib.import_module(f"quintet_gateway.dialects.{dialect}.errors").render
    response = render(RuntimeError("secret path /etc/x"))
    assert response.status == 500
    assert "secret" not in response.text


def test_nexus_words_reasons_in_its_envelope():
    render = importlib.import_module("quintet_gateway.dialects.nexus.errors").render
    codes = set()
    for reason in Reason:
        body = json.loads(render(DomainError(reason, SENTENCE)).text)
        assert body.keys() == {"success", "error", "error_code", "details", "timestamp"}
        assert body["success"] is False
        codes.add(body["error_code"])
    documented = {
        *("INVALID_INPUT", "MISSING_FIELD", "FILE_TOO_LARGE", "INVALID_FORMAT", "SESSION_NOT_FOUND", "JOB_NOT_FOUND"),
        *("PROCESSING_ERROR", "SERVICE_UNAVAILABLE", "RATE_LIMIT_EXCEEDED"),
    }
    assert codes - {"UNAUTHORIZED"} <= documented
    assert documented <= codes
