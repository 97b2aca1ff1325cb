"""Page tokens open only the listing that they were made for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quintet_errors import DomainError, Reason
from quintet_session import page_tokens


@given(st.integers(-(2**63), 2**63 - 1), st.lists(st.text(), max_size=3))
def test_a_token_opens_its_own_listing(position: int, listing: list[str]) -> None:
    assert page_tokens.decode(page_tokens.encode(position, *listing), *listing) == position


@given(st.text(min_size=1, max_size=60))
def test_anything_else_is_refused(token: str) -> None:
    with pytest.raises(DomainError) as caught:
        page_tokens.decode(token, "messages", "s")
    assert caught.value.reason is Reason.INVALID_ARGUMENT


@given(st.text(min_size=1, max_size=60), st.lists(st.text(), max_size=3))
def test_a_token_of_a_name_opens_its_own_listing(name: str, listing: list[str]) -> None:
    assert page_tokens.decode_name(page_tokens.encode_name(name, *listing), *listing) == name


@given(st.text(min_size=1, max_size=60))
def test_anything_else_than_a_token_of_a_name_is_refused(token: str) -> None:
    with pytest.raises(DomainError) as caught:
        page_tokens.decode_name(token, "documents", "c")
    assert caught.value.reason is Reason.INVALID_ARGUMENT


def test_a_token_of_a_name_with_broken_text_is_refused() -> None:
    token = page_tokens.encode_name("é", "collections")
    with pytest.raises(DomainError):
        page_tokens.decode_name(token[:-2] + "A", "collections")
    assert page_tokens.encode_name(None, "x") == ""
    assert page_tokens.decode_name("", "x") is None


def test_a_token_of_another_listing_is_refused() -> None:
    token = page_tokens.encode(7, "messages", "one", "True")
    for listing in (("messages", "two", "True"), ("messages", "one", "False"), ("sessions", "one", "True")):
        with pytest.raises(DomainError):
            page_tokens.decode(token, *listing)


def test_no_position_makes_the_empty_token() -> None:
    assert page_tokens.encode(None, "x") == ""
    assert page_tokens.decode("", "x") is None
