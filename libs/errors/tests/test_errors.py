import pickle
import re

import pytest

from quintet.errors.v1 import error_reason_pb2
from quintet_errors import GRPC_CODES, DomainError, Reason
from quintet_errors.status import to_status

PREFIX = "ERROR_REASON_"


def test_reasons_are_exactly_those_of_the_contract():
    names = error_reason_pb2.ErrorReason.DESCRIPTOR.values_by_name
    documented = {name.removeprefix(PREFIX) for name in names} - {"UNSPECIFIED"}
    assert {reason.value for reason in Reason} == documented


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_a_code_and_a_terse_name(reason):
    assert GRPC_CODES[reason].value[0] > 0
    assert re.fullmatch(r"[A-Z][A-Z0-9_]{0,61}[A-Z0-9]", reason.value)


def test_error_survives_a_process_border():
    error = DomainError(Reason.JOB_NOT_FOUND, "No job.", {"jobId": "x"})
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - made one line above
    assert (copy.reason, copy.message, copy.metadata) == (error.reason, error.message, error.metadata)


def test_status_has_one_error_info_and_a_bounded_message():
    status = to_status(DomainError(Reason.INTERNAL, "x" * 5000))
    assert len(status.details) == 1
    assert len(status.message) == 1000


def test_status_fits_into_trailers_whatever_was_echoed():
    error = DomainError(Reason.UNSUPPORTED_LANGUAGE, "नहीं" * 5000, {"language": "x" * 18_000})
    assert len(to_status(error).SerializeToString()) < 2000
