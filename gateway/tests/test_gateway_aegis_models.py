"""aegis: usage statistics and the catalogue of models, every parameter, default and row of errors."""

from dataclasses import replace

import pytest
from aegis_requests import AWAY, GPT, OWN, furnish, refused

from quintet.media.v1.engine_pb2 import Engine
from quintet.usage.v1.usage_service_pb2 import UsageFilter, UsageRecord, UsageSummary
from quintet_errors import DomainError, Reason

EMPTY = {
    "total_tokens": 0,
    "input_tokens": 0,
    "output_tokens": 0,
    "total_cost": 0.0,
    "total_requests": 0,
    "success_rate": 100.0,
    "models": [],
    "recent_activity": [],
}


@pytest.fixture
async def assistant(assistant):
    return furnish(assistant)


@pytest.mark.parametrize("path", ["/ai/usage/stats", "/api/v1/ai/usage/stats/"])
async def test_no_usage(client, assistant, path):
    response = await client.get(path)
    assert (response.status, await response.json()) == (200, EMPTY)
    assert assistant.usage.filters == [UsageFilter(surface="aegis")] * 2
    assert assistant.usage.limits == [10]


async def test_usage_is_summed_and_named(client, assistant):
    assistant.usage.total = UsageSummary(
        call_count=23, success_count=22, input_tokens=32_100, output_tokens=13_130, cost_micro_usd=470_000
    )
    assistant.usage.groups = [
        UsageSummary(
            provider="openai",
            model="gpt-4o",
            call_count=15,
            input_tokens=20_000,
            output_tokens=10_000,
            cost_micro_usd=350_000,
        ),
        UsageSummary(provider="nobody", model="made-up", call_count=8, input_tokens=1, output_tokens=2),
    ]
    record = UsageRecord(
        model="gpt-4o",
        action="chat",
        input_tokens=1500,
        output_tokens=800,
        cost_micro_usd=20_000,
        outcome=UsageRecord.OUTCOME_SUCCEEDED,
    )
    record.start_time.seconds = 1705314600
    left = UsageRecord(model="made-up", action="stream_chat", outcome=UsageRecord.OUTCOME_ABORTED)
    assistant.usage.records = [record, left]
    body = await (await client.get("/ai/usage/stats")).json()
    assert body == {
        "total_tokens": 45_230,
        "input_tokens": 32_100,
        "output_tokens": 13_130,
        "total_cost": 0.47,
        "total_requests": 23,
        "success_rate": 95.7,
        "models": [
            {
                "model_id": "gpt-4o",
                "model_title": "GPT-4o",
                "vendor": "OpenAI",
                "vendor_color": "#10a37f",
                "requests": 15,
                "tokens": 30_000,
                "cost": 0.35,
                "percentage": 65.2,
            },
            {
                "model_id": "made-up",
                "model_title": "made-up",
                "vendor": "nobody",
                "vendor_color": "#6b7280",
                "requests": 8,
                "tokens": 3,
                "cost": 0.0,
                "percentage": 34.8,
            },
        ],
        "recent_activity": [
            {
                "timestamp": "2024-01-15T10:30:00Z",
                "model": "gpt-4o",
                "input_tokens": 1500,
                "output_tokens": 800,
                "cost": 0.02,
                "success": True,
                "action": "chat",
            },
            {
                "timestamp": "1970-01-01T00:00:00Z",
                "model": "made-up",
                "input_tokens": 0,
                "output_tokens": 0,
                "cost": 0.0,
                "success": False,
                "action": "stream_chat",
            },
        ],
    }
    assistant.catalogue.failure = AWAY
    assert [one["vendor"] for one in (await (await client.get("/ai/usage/stats")).json())["models"]] == [
        "openai",
        "nobody",
    ]


@pytest.mark.parametrize(
    ("written", "seconds", "nanos"),
    [
        ("2024-01-01T00:00:00Z", 1704067200, 0),
        ("2024-01-01T00:00:00", 1704067200, 0),
        ("2024-01-01", 1704067200, 0),
        ("2024-01-01T02:00:00+02:00", 1704067200, 0),
        ("2024-01-01T02:00:00 02:00", 1704067200, 0),
        ("2023-12-31T23:59:59.5-00:00", 1704067199, 500_000_000),
        ("1969-12-31T23:59:59.25Z", 0, 0),
        ("0001-01-01T00:00:00Z", 0, 0),
    ],
)
async def test_times_of_any_iso_form_are_taken(client, assistant, written, seconds, nanos):
    query = {"user_id": "ada", "start_time": written, "end_time": written, "recent_limit": "20"}
    assert (await client.get("/ai/usage/stats", params=query)).status == 200
    wanted = UsageFilter(surface="aegis", owner="ada")
    for time in (wanted.start_time, wanted.end_time):
        time.seconds, time.nanos = seconds, nanos
    assert assistant.usage.filters[0] == wanted
    assert assistant.usage.limits == [20]


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        *(
            (f"{name}_time={text}", f"Field '{name}_time' must be an ISO 8601 time")
            for name in ("start", "end")
            for text in ("yesterday", "2024-13-01", "1704067200x", "0001-01-01T00:00:00%2B14:00", "%00")
        ),
        ("recent_limit=-1", "Field 'recent_limit' must be between 0 and 1000"),
        ("recent_limit=1001", "Field 'recent_limit' must be between 0 and 1000"),
        ("recent_limit=ten", "Field 'recent_limit' must be an integer"),
        ("user_id=a%0Ab", "Field 'user_id' must not hold control characters"),
    ],
)
async def test_usage_refuses(client, assistant, query, detail):
    await refused(await client.get(f"/ai/usage/stats?{query}"), 400, detail)
    assert not assistant.usage.filters


async def test_no_recent_activity_is_asked_for(client, assistant):
    assert (await client.get("/ai/usage/stats?recent_limit=0&user_id=&start_time=")).status == 200
    assert assistant.usage.limits == [0]


@pytest.mark.parametrize("failure", [AWAY, DomainError(Reason.STORAGE_FAILED, "/data is broken")])
async def test_failure_of_usage(client, assistant, failure):
    assistant.usage.failure = failure
    await refused(await client.get("/ai/usage/stats"), 500, "Failed to get usage stats")


@pytest.mark.parametrize("base", ["", "/api/v1"])
async def test_catalogue_sizes(client, base):
    counts = [{"name": "OpenAI", "model_count": 1}, {"name": "Quintet", "model_count": 1}]
    assert await (await client.get(f"{base}/llm/status")).json() == {
        "vendor_count": 2,
        "model_count": 2,
        "deployment_count": 3,
        "price_count": 2,
        "top_vendors": counts,
    }
    assert await (await client.get(f"{base}/llm/vendors")).json() == counts
    assert await (await client.get(f"{base}/llm/modalities")).json() == [
        {"modality": "image", "model_count": 1},
        {"modality": "text", "model_count": 2},
    ]


async def test_models(client, assistant):
    assert await (await client.get("/llm/models")).json() == [
        {
            "model_id": "gpt-4o",
            "vendor": "OpenAI",
            "context_window": 128_000,
            "input_price": 2.5,
            "output_price": 10.0,
            "released_on": "2024-05-13",
        },
        {
            "model_id": "scripted-1",
            "vendor": "Quintet",
            "context_window": None,
            "input_price": 0.0,
            "output_price": 0.0,
            "released_on": None,
        },
    ]
    assert assistant.catalogue.searched == [("", "", "", 50, False)]


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ("pattern=gpt-4&vendor=openai", ("gpt-4", "openai", "", 50, False)),
        ("modality=image&limit=20", ("", "", "image", 20, False)),
        ("limit=1&include_disabled=true", ("", "", "", 1, True)),
        ("limit=200&include_disabled=False&pattern=", ("", "", "", 200, False)),
        ("include_disabled=1", ("", "", "", 50, True)),
    ],
)
async def test_models_are_chosen_by_the_catalogue(client, assistant, query, asked):
    assert (await client.get(f"/llm/models?{query}")).status == 200
    assert assistant.catalogue.searched == [asked]


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("limit=0", "Field 'limit' must be between 1 and 200"),
        ("limit=201", "Field 'limit' must be between 1 and 200"),
        ("limit=many", "Field 'limit' must be an integer"),
        ("include_disabled=maybe", "Field 'include_disabled' must be true or false"),
        ("pattern=" + "x" * 201, "Field 'pattern' must be at most 200 characters long"),
    ],
)
async def test_models_refuses(client, assistant, query, detail):
    await refused(await client.get(f"/llm/models?{query}"), 400, detail)
    assert not assistant.catalogue.searched


async def test_current_model(client, assistant):
    known = {"temperature": 0.7, "max_tokens": 1000}
    assert await (await client.get("/llm/current")).json() == {
        **known,
        "provider": "scripted",
        "model": "scripted-1",
        "context_window": None,
        "input_price": 0.0,
        "output_price": 0.0,
        "modalities": ["text"],
    }
    assistant.models.live = Engine(name="provider", provider="openai", model="gpt-4o")
    assert await (await client.get("/llm/current")).json() == {
        **known,
        "provider": "openai",
        "model": "gpt-4o",
        "context_window": 128_000,
        "input_price": 2.5,
        "output_price": 10.0,
        "modalities": ["text", "image"],
    }
    assistant.models.live = Engine(name="grounded")
    assert await (await client.get("/llm/current")).json() == {
        **known,
        "provider": "grounded",
        "model": "grounded",
        **dict.fromkeys(("context_window", "input_price", "output_price", "modalities")),
    }


async def test_model_without_known_modalities(client, assistant):
    assistant.catalogue.entries = [GPT, replace(OWN, modalities=())]
    assert (await (await client.get("/llm/current")).json())["modalities"] == []


@pytest.mark.parametrize(
    ("path", "status", "what"),
    [
        ("status", 500, "get catalog status"),
        ("vendors", 500, "list vendors"),
        ("modalities", 500, "list modalities"),
        ("models", 500, "list models"),
        ("current", 503, "get current model"),
    ],
)
async def test_failure_of_the_catalogue(client, assistant, path, status, what):
    assistant.catalogue.failure = AWAY
    await refused(await client.get(f"/llm/{path}"), status, f"Failed to {what}: The service is away.")


async def test_current_model_of_an_absent_service(client, assistant):
    assistant.models.failure = AWAY
    response = await client.get("/llm/current")
    await refused(response, 503, "Failed to get current model: The service is away.")
    assert response.headers["Retry-After"] == "1"
