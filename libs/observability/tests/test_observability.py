import json

import pytest
import structlog
from prometheus_client import REGISTRY

from quintet_observability import bind_context, configure_logging, get_logger
from quintet_observability.metrics import serve_metrics


@pytest.fixture(autouse=True)
def _configuration_ends_with_the_test():
    yield
    structlog.reset_defaults()


def logged(capsys) -> list[dict]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_event_is_one_json_line_with_its_context(capsys):
    configure_logging("stt")
    with bind_context(request_id="r1"):
        get_logger("x").info("call_ended", code="OK")
    (event,) = logged(capsys)
    assert event["event"] == "call_ended"
    assert (event["service"], event["request_id"], event["code"], event["level"]) == ("stt", "r1", "OK", "info")


def test_personal_data_never_reaches_the_log(capsys):
    configure_logging("stt")
    get_logger("x").info("transcribed", pii_text="my secret", words=2)
    (event,) = logged(capsys)
    assert "my secret" not in json.dumps(event)
    assert event["words"] == 2


def test_level_is_respected_and_checked(capsys):
    configure_logging("stt", level="warning")
    get_logger("x").info("quiet")
    assert logged(capsys) == []
    with pytest.raises(ValueError, match="loud"):
        configure_logging("stt", level="loud")


def test_metric_names_follow_the_rules():
    ours = [metric for metric in REGISTRY.collect() if metric.name.startswith("quintet_")]
    assert ours
    for metric in ours:
        assert metric.documentation
        if metric.type == "histogram" and "factor" not in metric.name:
            assert metric.name.endswith("_seconds")


def test_metrics_are_served_on_a_free_port():
    assert serve_metrics("127.0.0.1", 0) > 0
