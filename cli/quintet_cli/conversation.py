"""`quintet chat`: one answer, or a conversation."""

import sys
from collections.abc import Generator
from contextlib import closing

from rich.console import Console

from quintet_cli.errors import CommandError, ExitCode
from quintet_cli.nexus_client import NexusClient
from quintet_cli.terminal_text import harmless


def answer_once(client: NexusClient, message: str, session_id: str | None) -> None:
    """Prints the answer to one message, word by word."""
    _print_words(client.stream_answer(message, session_id))


def converse(client: NexusClient, session_id: str | None, console: Console) -> None:
    """Reads messages until the end of the input and keeps them in one session.

    Ctrl-C ends the answer that is being given; at the prompt, it ends the conversation.
    """
    session = session_id or client.create_session()
    console.print(f"Session {session}. An empty line or Ctrl-D ends it.", style="dim", highlight=False)
    while message := _next_message(console):
        try:
            _print_words(client.stream_answer(message, session))
        except KeyboardInterrupt:
            console.print(" (stopped)", style="dim")
        except CommandError as error:
            if error.code is ExitCode.UNREACHABLE:
                raise
            console.print(str(error), style="red", highlight=False)


def _next_message(console: Console) -> str:
    if console.is_interactive:
        console.print("you> ", style="bold", end="")
    try:
        return sys.stdin.readline().strip()
    except KeyboardInterrupt:
        return ""


def _print_words(words: Generator[str, None, None]) -> None:
    # Closed also when the person interrupts: that is what cancels the answer on the server.
    with closing(words):
        for word in words:
            sys.stdout.write(harmless(word))
            sys.stdout.flush()
    sys.stdout.write("\n")
