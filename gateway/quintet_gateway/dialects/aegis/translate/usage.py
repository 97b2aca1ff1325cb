"""What calls of models cost, in the words of the document."""

from collections.abc import Mapping, Sequence

from quintet.usage.v1.usage_service_pb2 import UsageRecord, UsageSummary
from quintet_gateway.dialects.aegis.json_values import Json
from quintet_gateway.http.times import format_time

_MICRO = 1_000_000
_OTHER_COLOUR = "#6b7280"
# Of no meaning but to tell vendors apart in a chart.
_COLOURS: Mapping[str, str] = {
    "openai": "#10a37f",
    "anthropic": "#d97757",
    "google": "#4285f4",
    "groq": "#f55036",
    "mistral": "#fa520f",
    "cohere": "#39594d",
    "meta": "#0866ff",
    "quintet": "#7c3aed",
}


def stats(
    total: UsageSummary, models: Sequence[Mapping[str, Json]], recent: Sequence[UsageRecord]
) -> Mapping[str, Json]:
    """Returns the body; `models` are what `model` returns for each group."""
    count = total.call_count
    return {
        "total_tokens": total.input_tokens + total.output_tokens,
        "input_tokens": total.input_tokens,
        "output_tokens": total.output_tokens,
        "total_cost": _dollars(total.cost_micro_usd),
        "total_requests": count,
        "success_rate": round(100 * total.success_count / count, 1) if count else 100.0,
        "models": models,
        "recent_activity": [_activity(record) for record in recent],
    }


def model(group: UsageSummary, all_calls: int, vendor: str, title: str) -> Mapping[str, Json]:
    """Returns one model with its share of all calls."""
    return {
        "model_id": group.model,
        "model_title": title,
        "vendor": vendor,
        "vendor_color": _COLOURS.get(vendor.lower(), _OTHER_COLOUR),
        "requests": group.call_count,
        "tokens": group.input_tokens + group.output_tokens,
        "cost": _dollars(group.cost_micro_usd),
        "percentage": round(100 * group.call_count / all_calls, 1) if all_calls else 0.0,
    }


def _activity(record: UsageRecord) -> Mapping[str, Json]:
    return {
        "timestamp": format_time(record.start_time),
        "model": record.model,
        "input_tokens": record.input_tokens,
        "output_tokens": record.output_tokens,
        "cost": _dollars(record.cost_micro_usd),
        "success": record.outcome == UsageRecord.OUTCOME_SUCCEEDED,
        "action": record.action,
    }


def _dollars(micro: int) -> float:
    return micro / _MICRO
