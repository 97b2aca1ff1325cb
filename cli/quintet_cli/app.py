"""The commands and their options.

What only some commands need is imported inside of them: gRPC and the model hub's library take longer to import than a
message to the assistant takes to be answered.
"""

# ruff: noqa: PLC0415
import asyncio
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from quintet_cli import conversation, media_commands
from quintet_cli.account_app import keys_app, users_app
from quintet_cli.errors import CommandError, ExitCode
from quintet_cli.log_output import LogFormat
from quintet_cli.nexus_client import DEFAULT_SERVER, NexusClient
from quintet_cli.options import PROCESSES, Options
from quintet_cli.shared_options import Shared, shared_options
from quintet_cli.terminal_text import harmless
from quintet_cli.webhook_app import webhooks_app

DATA_DIR_OPTION = "--data-dir"
SERVER_OPTION = "--server"

app = typer.Typer(
    name="quintet",
    help="Quintet: a self-hosted assistant that chats, sees, listens and speaks.",
    epilog="--data-dir and --server may stand before or after every command.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
models_app = typer.Typer(name="models", help="List, fetch, check and remove models.", no_args_is_help=True)
app.add_typer(models_app)
app.add_typer(users_app)
app.add_typer(keys_app)
app.add_typer(webhooks_app)


class Limits(StrEnum):
    """Rate limits of the documented surfaces."""

    DOCUMENTED = "documented"
    OFF = "off"


class Engines(StrEnum):
    """Which engines answer."""

    AUTO = "auto"
    SCRIPTED = "scripted"


Ports = Annotated[list[int] | None, typer.Option("--port", min=0, max=65535, help="Repeatable; 0 takes any free one.")]
LimitsOption = Annotated[Limits, typer.Option("--limits", help="Rate limits.")]
EnginesOption = Annotated[Engines, typer.Option("--engines", help="`scripted` answers from scripts, for tests.")]
LogFormatOption = Annotated[LogFormat, typer.Option("--log-format", help="How logs are written.")]
Language = Annotated[str | None, typer.Option("--language", "-l", help="Language, such as en or hi.")]
Name = Annotated[str, typer.Argument(help="Name of the model.")]


@app.callback()
def before_every_command(
    context: typer.Context,
    data_dir: Annotated[Path | None, typer.Option(DATA_DIR_OPTION, help="Folder of database and models.")] = None,
    server: Annotated[str, typer.Option(SERVER_OPTION, envvar="QUINTET_SERVER", help="Base address.")] = DEFAULT_SERVER,
) -> None:
    """Keeps the options that every command takes."""
    context.obj = Shared(data_dir, server)


@app.command()
def up(
    context: typer.Context,
    *,
    port: Ports = None,
    limits: LimitsOption = Limits.DOCUMENTED,
    engines: EnginesOption = Engines.AUTO,
    log_format: LogFormatOption = LogFormat.CONSOLE,
) -> None:
    """Start everything on this machine; Ctrl-C ends it."""
    from quintet_cli.up import run_up

    run_up(Options(shared_options(context).data_dir, tuple(port or ()), limits.value, engines.value), log_format)


@app.command()
def serve(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help=f"One of {', '.join(PROCESSES)}.")],
    *,
    port: Ports = None,
    limits: LimitsOption = Limits.DOCUMENTED,
    engines: EnginesOption = Engines.AUTO,
    log_format: LogFormatOption = LogFormat.CONSOLE,
) -> None:
    """Run one process in the foreground; its settings are the variables QUINTET_<NAME>_*."""
    from quintet_cli.serve import run_serve

    options = Options(shared_options(context).data_dir, tuple(port or ()), limits.value, engines.value)
    run_serve(name, options, log_format)


@app.command(name="doctor")
def doctor_command(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    engines: EnginesOption = Engines.AUTO,
) -> None:
    """Tell what would run here and why, what is missing, and how to get it."""
    from quintet_cli import doctor

    report = asyncio.run(doctor.examine(Options(shared_options(context).data_dir, engines=engines.value)))
    if as_json:
        print(report.to_json())
    else:
        doctor.show(report, Console())
    if report.problems:
        raise typer.Exit(ExitCode.FAILED)


@models_app.command(name="list")
def models_list(context: typer.Context) -> None:
    """List the models of the catalogue."""
    from quintet_cli import model_commands

    model_commands.list_models(shared_options(context).models_dir, Console())


@models_app.command(name="pull")
def models_pull(context: typer.Context, name: Name) -> None:
    """Fetch a model; goes on where an interrupted pull ended."""
    from quintet_cli import model_commands

    model_commands.pull_model(name, shared_options(context).data_dir, _stderr())


@models_app.command(name="verify")
def models_verify(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="Name of the model; all installed ones if left out.")] = None,
) -> None:
    """Compare installed models with their digests."""
    from quintet_cli import model_commands

    model_commands.verify_models(name, shared_options(context).models_dir, Console())


@models_app.command(name="remove")
def models_remove(context: typer.Context, name: Name) -> None:
    """Delete a model."""
    from quintet_cli import model_commands

    model_commands.remove_model(name, shared_options(context).models_dir, Console())


@app.command()
def chat(
    context: typer.Context,
    message: Annotated[str | None, typer.Argument(help="One message; without it, a conversation begins.")] = None,
    session: Annotated[str | None, typer.Option("--session", help="Go on in this session.")] = None,
) -> None:
    """Talk to the assistant."""
    with _client(context) as client:
        if message is not None:
            conversation.answer_once(client, message, session)
        else:
            conversation.converse(client, session, _stderr())


@app.command()
def look(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A picture.")],
    question: Annotated[str | None, typer.Argument(help="What to find out about it.")] = None,
) -> None:
    """Tell what a picture shows, or answer a question about it."""
    with _client(context) as client:
        media_commands.look(client, file, question, _stderr())


@app.command()
def transcribe(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A recording.")],
    language: Language = None,
) -> None:
    """Write down what is said in a recording."""
    with _client(context) as client:
        media_commands.transcribe(client, file, language, _stderr())


@app.command()
def say(
    context: typer.Context,
    text: Annotated[str, typer.Argument(help="What to say.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Audio file to write (MP3).")],
    language: Language = None,
) -> None:
    """Speak a text into a file."""
    with _client(context) as client:
        media_commands.say(client, text, output, language, _stderr())


def main() -> None:
    """Runs the command line; a failure is one sentence on standard error and an exit code."""
    try:
        app(_options_first(sys.argv[1:]))
    except CommandError as error:
        print(harmless(str(error)), file=sys.stderr)
        sys.exit(error.code)


@contextmanager
def _client(context: typer.Context) -> Iterator[NexusClient]:
    client = NexusClient(shared_options(context).server)
    try:
        yield client
    finally:
        client.close()


def _options_first(arguments: Sequence[str]) -> list[str]:
    """Moves the options that every command takes before the command, where the parser expects them."""
    first: list[str] = []
    others: list[str] = []
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        if argument == "--":
            return [*first, *others, argument, *rest]
        if argument in (DATA_DIR_OPTION, SERVER_OPTION):
            first += [argument, *rest[:1]]
            del rest[:1]
        elif argument.startswith((f"{DATA_DIR_OPTION}=", f"{SERVER_OPTION}=")):
            first.append(argument)
        else:
            others.append(argument)
    return first + others


def _stderr() -> Console:
    return Console(stderr=True)
