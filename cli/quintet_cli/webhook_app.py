"""The command `quintet webhooks` and its options."""

# ruff: noqa: PLC0415 - gRPC takes long to import, and most commands do not need it
from enum import StrEnum
from typing import Annotated

import typer

from quintet_cli.account_app import SessionAddr, SurfaceName
from quintet_cli.errors import CommandError, ExitCode
from quintet_cli.shared_options import shared_options

webhooks_app = typer.Typer(name="webhooks", help="See what was delivered, and deliver again.", no_args_is_help=True)

Surface = Annotated[SurfaceName | None, typer.Option("--surface", help="Only events of one API.")]


class StateName(StrEnum):
    """How far a delivery can be."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"


@webhooks_app.command(name="deliveries")
def webhooks_deliveries(
    context: typer.Context,
    *,
    state: Annotated[StateName | None, typer.Option("--state", help="Only those in one state.")] = None,
    surface: Surface = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Most lines to print.")] = 100,
    session_addr: SessionAddr = "",
) -> None:
    """List deliveries, the newest first; those in state `dead` were given up."""
    from quintet.webhooks.v1 import webhook_service_pb2 as pb
    from quintet_cli import webhook_commands
    from quintet_cli.session_link import with_webhooks

    request = pb.ListDeliveriesRequest(
        surface=surface or "", state=webhook_commands.STATES[state] if state else pb.Delivery.STATE_UNSPECIFIED
    )
    with_webhooks(
        shared_options(context).data_dir,
        session_addr,
        lambda webhooks: webhook_commands.list_deliveries(webhooks, request, limit),
    )


@webhooks_app.command(name="redeliver")
def webhooks_redeliver(
    context: typer.Context,
    delivery_id: Annotated[str, typer.Argument(help="Id of a delivery.")] = "",
    *,
    dead: Annotated[bool, typer.Option("--dead", help="All that were given up.")] = False,
    surface: Surface = None,
    session_addr: SessionAddr = "",
) -> None:
    """Deliver again, one or all that were given up, and print how many."""
    from quintet.webhooks.v1 import webhook_service_pb2 as pb
    from quintet_cli import webhook_commands
    from quintet_cli.session_link import with_webhooks

    if bool(delivery_id) == dead:
        raise CommandError("Name either a delivery or --dead.", ExitCode.USAGE)
    request = pb.RedeliverDeliveriesRequest(delivery_id=delivery_id, surface=surface or "")
    with_webhooks(
        shared_options(context).data_dir,
        session_addr,
        lambda webhooks: webhook_commands.redeliver(webhooks, request),
    )
