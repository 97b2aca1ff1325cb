"""Settings of users and of the whole quillium surface."""

import pytest
from quillium_requests import BASES, TIME, Person, failure, success

ADMIN_DEFAULTS = {
    "openai_base_url": "https://api.openai.com",
    "llm_profile_speed": "gpt-3.5-turbo",
    "llm_profile_balanced": "gpt-4o",
    "llm_profile_quality": "gpt-4o",
    "enable_sign_ups": True,
    "webcrawler_url": "",
    "elasticsearch_url": "",
    "elasticsearch_username": "",
    "elasticsearch_password": "",
    "env_overrides": [],
    "updated_at": None,
}


@pytest.fixture(autouse=True)
def no_provider(monkeypatch):
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


@pytest.fixture
def person(assistant, client):
    return Person(assistant, client)


@pytest.fixture
def admin(assistant, client):
    return Person(assistant, client, email="admin@example.com", is_admin=True)


@BASES
async def test_settings_of_the_document(person, base):
    body = {"theme": "dark", "language": "en", "notifications_enabled": True}
    changed = await success(await person.ask("PUT", f"{base}/settings/user", json=body))
    assert changed.keys() == {*body, "updated_at"}
    assert {key: changed[key] for key in body} == body
    assert TIME.fullmatch(changed["updated_at"])
    assert await success(await person.ask("GET", f"{base}/settings/user")) == changed


async def test_user_settings_begin_with_defaults_and_are_merged(person, assistant, client):
    first = await success(await person.ask("GET", "/v1/settings/user"))
    assert (first["theme"], first["language"], first["notifications_enabled"]) == ("light", "en", True)
    assert TIME.fullmatch(first["updated_at"])
    body = {"notifications_enabled": False, "unknown": [1], "theme": None}
    changed = await success(await person.ask("PUT", "/v1/settings/user", json=body))
    assert changed == {**first, "notifications_enabled": False}
    assert (await success(await person.ask("GET", "/v1/users/me")))["settings"]["notifications_enabled"] is False
    other = Person(assistant, client, email="other@example.com")
    assert (await success(await other.ask("GET", "/v1/settings/user")))["notifications_enabled"] is True


@pytest.mark.parametrize(
    "body",
    [{"theme": 1}, {"language": True}, {"notifications_enabled": "yes"}, {"notifications_enabled": 1}, {"theme": ""},
     {"theme": "x" * 101}, [], "dark", None],
)  # fmt: skip
async def test_bad_user_settings_are_invalid(person, body):
    await failure(await person.ask("PUT", "/v1/settings/user", json=body), 400, "invalid_request")
    assert (await success(await person.ask("GET", "/v1/settings/user")))["theme"] == "light"


@BASES
async def test_admin_settings_begin_with_defaults_and_are_merged(admin, base):
    assert await success(await admin.ask("GET", f"{base}/settings/admin")) == ADMIN_DEFAULTS
    body = {"llm_profile_quality": "best", "enable_sign_ups": False, "env_overrides": ["x"], "nonsense": 1}
    changed = await success(await admin.ask("PUT", f"{base}/settings/admin", json=body))
    assert TIME.fullmatch(changed["updated_at"])
    expected = {**ADMIN_DEFAULTS, "llm_profile_quality": "best", "enable_sign_ups": False}
    assert changed == {**expected, "updated_at": changed["updated_at"]}
    assert await success(await admin.ask("GET", f"{base}/settings/admin")) == changed


async def test_secrets_are_never_shown(admin, assistant):
    body = {"openai_api_key": "sk-hunter2", "elasticsearch_password": "hunter2"}
    response = await admin.ask("PUT", "/v1/settings/admin", json=body)
    assert "hunter2" not in await response.text()
    shown = await success(response)
    assert (shown["openai_api_key_encrypt"], shown["elasticsearch_password"]) == ("encrypted", "encrypted")
    assert "openai_api_key" not in shown
    await success(await admin.ask("PUT", "/v1/settings/admin", json=shown))
    assert assistant.identity.secrets["quillium", "admin"] == body
    cleared = await success(await admin.ask("PUT", "/v1/settings/admin", json={"openai_api_key": ""}))
    assert "openai_api_key_encrypt" not in cleared
    assert assistant.identity.secrets["quillium", "admin"] == {"elasticsearch_password": "hunter2"}


@pytest.mark.parametrize(
    "body",
    [
        {"enable_sign_ups": "no"},
        {"openai_base_url": 1},
        {"openai_base_url": "not a url"},
        {"webcrawler_url": "ftp://x"},
        {"openai_api_key": []},
        {"webcrawler_url": "x" * 2001},
    ],
)
async def test_bad_admin_settings_are_invalid(admin, body):
    await failure(await admin.ask("PUT", "/v1/settings/admin", json=body), 400, "invalid_request")


@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_admin_settings_are_for_administrators(person, client, method):
    await failure(await client.request(method, "/v1/settings/admin", json={}), 401, "unauthorized")
    response = await person.ask(method, "/v1/settings/admin", json={})
    await failure(response, 403, "forbidden", "Admin access required")


async def test_names_that_the_environment_sets_are_told_and_values_are_not(start, assistant, monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", "http://hunter2.example")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-hunter2")
    admin = Person(assistant, await start(), is_admin=True)
    response = await admin.ask("GET", "/v1/settings/admin")
    assert "hunter2" not in await response.text()
    assert (await success(response))["env_overrides"] == ["openai_api_key", "openai_base_url"]
