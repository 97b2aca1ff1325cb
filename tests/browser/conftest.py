"""Headless Chromium, and pages of three kinds of origins."""

import http.server
import shutil
import threading
from collections.abc import Iterator

import pytest
from framework.origins import FOREIGN_HOST

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="session")
def launch_browser():
    """Starts browsers with arguments, and ends them with the tests."""
    # Imported here, because the rest of the tests are collected without it.
    from playwright.sync_api import sync_playwright

    assert CHROMIUM, "Chromium is not installed"
    with sync_playwright() as playwright:
        yield lambda *arguments: playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", *arguments])


@pytest.fixture(scope="session")
def browser(launch_browser):
    """One browser for most tests; a name that belongs to nobody leads to this machine, as a foreign page's would."""
    running = launch_browser(f"--host-resolver-rules=MAP {FOREIGN_HOST} 127.0.0.1")
    yield running
    running.close()


class _EmptyPage(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b"<!doctype html><title>A page</title>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture(scope="session")
def page_port() -> Iterator[int]:
    """Port of a web server that has nothing to do with Quintet."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _EmptyPage) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.fixture
def open_page(browser):
    """Opens pages and closes them after the test."""
    pages = []

    def open_page(address: str):
        page = browser.new_page()
        pages.append(page)
        page.goto(address)
        return page

    yield open_page
    for page in pages:
        page.close()
