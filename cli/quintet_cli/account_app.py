"""The commands `quintet users` and `quintet keys`, and their options."""

# ruff: noqa: PLC0415 - gRPC takes long to import, and most commands do not need it
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console

from quintet_cli.errors import CommandError, ExitCode
from quintet_cli.options import SESSION_ADDR_VARIABLE
from quintet_cli.shared_options import shared_options

users_app = typer.Typer(name="users", help="Add, list and remove users, and set passwords.", no_args_is_help=True)
keys_app = typer.Typer(name="keys", help="Create, list and revoke API keys.", no_args_is_help=True)

SessionAddr = Annotated[
    str,
    typer.Option(
        "--session-addr",
        envvar=SESSION_ADDR_VARIABLE,
        help="Session service to ask, host:port; without it, the one of the data folder.",
    ),
]
Email = Annotated[str, typer.Option("--email", help="E-mail address.")]


class SurfaceName(StrEnum):
    """Every API that the gateway speaks."""

    NEXUS = "nexus"
    QUILLIUM = "quillium"
    OMNI = "omni"
    AEGIS = "aegis"
    SIGHT = "sight"


Surface = Annotated[SurfaceName, typer.Option("--surface", help="Name of the API.")]


class KeyScope(StrEnum):
    """What a key may be limited to."""

    READ = "read"
    WRITE = "write"


@users_app.command(name="add")
def users_add(
    context: typer.Context,
    email: Email,
    *,
    admin: Annotated[bool, typer.Option("--admin", help="Make the user an administrator.")] = False,
    name: Annotated[str, typer.Option("--name", help="Name; by default the part before the @.")] = "",
    session_addr: SessionAddr = "",
) -> None:
    """Add a user; the password is read from standard input, one line."""
    from quintet.identity.v1 import identity_service_pb2 as pb
    from quintet_cli import user_commands
    from quintet_cli.session_link import with_identities

    request = pb.CreateUserRequest(email=email, password=user_commands.read_password(), name=name, is_admin=admin)
    with_identities(
        shared_options(context).data_dir,
        session_addr,
        lambda identities: user_commands.add_user(identities, request, _stderr()),
        makes_database=True,
    )


@users_app.command(name="list")
def users_list(context: typer.Context, session_addr: SessionAddr = "") -> None:
    """List the users, one a line: id, address, role, name."""
    from quintet_cli import user_commands
    from quintet_cli.session_link import with_identities

    with_identities(shared_options(context).data_dir, session_addr, user_commands.list_users)


@users_app.command(name="password")
def users_password(context: typer.Context, email: Email, session_addr: SessionAddr = "") -> None:
    """Set a new password, read from standard input, one line; ends every sign-in of the user."""
    from quintet_cli import user_commands
    from quintet_cli.session_link import with_identities

    password = user_commands.read_password()
    with_identities(
        shared_options(context).data_dir,
        session_addr,
        lambda identities: user_commands.set_password(identities, email, password, _stderr()),
    )


@users_app.command(name="remove")
def users_remove(context: typer.Context, email: Email, session_addr: SessionAddr = "") -> None:
    """Remove a user with sign-ins, API keys and settings."""
    from quintet_cli import user_commands
    from quintet_cli.session_link import with_identities

    with_identities(
        shared_options(context).data_dir,
        session_addr,
        lambda identities: user_commands.remove_user(identities, email, _stderr()),
    )


@keys_app.command(name="create")
def keys_create(
    context: typer.Context,
    surface: Surface,
    *,
    user: Annotated[str, typer.Option("--user", help="E-mail address of the user whose key it will be.")] = "",
    owner: Annotated[str, typer.Option("--owner", help="Whose key it will be, in your own words.")] = "",
    scope: Annotated[list[KeyScope] | None, typer.Option("--scope", help="Repeatable; both by default.")] = None,
    expires_days: Annotated[int | None, typer.Option("--expires-days", min=1, help="Days that it is valid.")] = None,
    session_addr: SessionAddr = "",
) -> None:
    """Create an API key and print it, alone, on standard output."""
    from quintet_cli import key_commands
    from quintet_cli.session_link import with_identities

    if user and owner:
        raise CommandError("A key belongs to --user or to --owner, not to both.", ExitCode.USAGE)
    request = key_commands.new_key(surface, owner or key_commands.DEFAULT_OWNER, scope or (), expires_days)
    with_identities(
        shared_options(context).data_dir,
        session_addr,
        lambda identities: key_commands.create_key(identities, request, user, _stderr()),
        makes_database=True,
    )


@keys_app.command(name="list")
def keys_list(context: typer.Context, surface: Surface, session_addr: SessionAddr = "") -> None:
    """List the keys of an API, one a line: id, first characters, owner, scopes, state."""
    from quintet_cli import key_commands
    from quintet_cli.session_link import with_identities

    with_identities(
        shared_options(context).data_dir,
        session_addr,
        lambda identities: key_commands.list_keys(identities, surface),
    )


@keys_app.command(name="revoke")
def keys_revoke(
    context: typer.Context,
    key: Annotated[str, typer.Argument(help="Id of the key, or its first eleven characters.")],
    surface: Surface,
    session_addr: SessionAddr = "",
) -> None:
    """Revoke a key."""
    from quintet_cli import key_commands
    from quintet_cli.session_link import with_identities

    with_identities(
        shared_options(context).data_dir,
        session_addr,
        lambda identities: key_commands.revoke_key(identities, surface, key, _stderr()),
    )


def _stderr() -> Console:
    return Console(stderr=True)
