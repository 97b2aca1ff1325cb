"""`quintet users`: who has an account."""

import getpass
import sys
from collections.abc import AsyncIterator

from rich.console import Console

from quintet.identity.v1 import identity_service_pb2 as pb
from quintet_cli.errors import CommandError, ExitCode
from quintet_cli.session_link import Identities
from quintet_cli.terminal_text import harmless


def read_password() -> str:
    """Returns a password: one line of standard input, or from a terminal typed twice and not shown.

    Raises CommandError.
    """
    if sys.stdin.isatty():
        return _typed_password()
    try:
        password = sys.stdin.readline().rstrip("\r\n")
    except UnicodeDecodeError:
        raise CommandError("The password on standard input is no text in UTF-8.", ExitCode.USAGE) from None
    if not password:
        raise CommandError("The password is missing: write it on standard input, as one line.", ExitCode.USAGE)
    return password


async def add_user(identities: Identities, user: pb.CreateUserRequest, console: Console) -> None:
    """Creates a user and prints the id."""
    response: pb.CreateUserResponse = await identities.call("CreateUser", user)
    print(response.user.user_id)
    role = "an administrator" if response.user.is_admin else "a user"
    _say(console, f"{response.user.email} is {role} now.")


async def list_users(identities: Identities) -> None:
    """Prints every user on a line: id, address, role, name."""
    async for user in all_users(identities):
        role = "admin" if user.is_admin else "user"
        print(harmless("\t".join((user.user_id, cell(user.email), role, cell(user.name)))))


async def all_users(identities: Identities) -> AsyncIterator[pb.User]:
    """Yields every user, the first created first."""
    request = pb.ListUsersRequest(page_size=1000)
    while True:
        page: pb.ListUsersResponse = await identities.call("ListUsers", request)
        for user in page.users:
            yield user
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token


async def set_password(identities: Identities, email: str, password: str, console: Console) -> None:
    """Gives the user with an address a new password, which ends every sign-in."""
    user = await find_user(identities, email)
    await identities.call("UpdateUser", pb.UpdateUserRequest(user_id=user.user_id, password=password))
    _say(console, f"{user.email} has a new password; every sign-in has ended.")


async def remove_user(identities: Identities, email: str, console: Console) -> None:
    """Deletes the user with an address."""
    user = await find_user(identities, email)
    await identities.call("DeleteUser", pb.DeleteUserRequest(user_id=user.user_id))
    _say(console, f"{user.email} was removed.")


async def find_user(identities: Identities, email: str) -> pb.User:
    """Returns the user with an address; raises CommandError."""
    response: pb.GetUserResponse = await identities.call("GetUser", pb.GetUserRequest(email=email))
    return response.user


def _typed_password() -> str:
    try:
        password = getpass.getpass("Password: ")
        again = getpass.getpass("Once more: ")
    except EOFError:
        raise CommandError("No password was typed.", ExitCode.USAGE) from None
    if password != again:
        raise CommandError("The two passwords differ.", ExitCode.USAGE)
    return password


def cell(text: str) -> str:
    """Returns the text as it can stand in a column."""
    return " ".join(text.split())


def _say(console: Console, sentence: str) -> None:
    console.print(harmless(sentence), highlight=False, markup=False, soft_wrap=True)
