"""The gateway's process: settings, ports, serving, drain, end."""

import asyncio
import json
import logging
import sys

from quintet_gateway.app import build_app
from quintet_gateway.assistant import Assistant
from quintet_gateway.http.listening import ListeningPort, listen
from quintet_gateway.http.serving import HttpServer
from quintet_gateway.outgoing import GuardedPosts, TargetRule
from quintet_gateway.settings import GatewaySettings
from quintet_observability import configure_logging, get_logger
from quintet_rpc.process import stop_requested
from quintet_rpc.request_context import shutting_down
from quintet_rpc.settings import load_settings

_log = get_logger(__name__)


def main() -> None:
    """Runs the gateway until it is told to stop; exits with 0, or with 1 and one sentence.

    With `--describe` it prints as JSON what its settings come to and exits.
    """
    settings = load_settings(GatewaySettings)
    if "--describe" in sys.argv[1:]:
        folders = [str(folder) for folder in settings.document_roots]
        sys.stdout.write(json.dumps({"document_folders": folders}) + "\n")
        return
    try:
        configure_logging("gateway", settings.log_level, settings.log_format)
        # Everything behind the HTTP parser is logged by the entry; what is left is a traceback a malformed request.
        logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
        # It would print the subprotocols that a client offers, and some clients put their token there.
        logging.getLogger("aiohttp.websocket").setLevel(logging.CRITICAL)
        ports = listen(settings.hosts, settings.ports, required=settings.busy_port_is_error)
        settings.make_documents_folder()
        asyncio.run(_run(settings, ports))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"gateway cannot serve: {error}\n")
        sys.exit(1)


async def _run(settings: GatewaySettings, ports: list[ListeningPort]) -> None:
    stop = stop_requested()
    shutting_down.renew()
    assistant = Assistant(
        settings.services,
        settings.job_slots,
        catalogue_file=settings.catalogue_file,
        catalogue_refresh_s=settings.catalogue_refresh_hours * 3600,
        document_roots=settings.document_roots,
        knowledge_max_files=settings.knowledge_max_files,
        posts=GuardedPosts(TargetRule(settings.webhook_targets)),
    )
    server = HttpServer(
        build_app(settings, assistant),
        keepalive_s=settings.keepalive_s,
        grace_s=settings.shutdown_grace_s,
        drain_delay_s=settings.drain_delay_s,
    )
    try:
        await server.start(ports)
        assistant.start()
        await stop
    finally:
        shutting_down.set()
        await assistant.stop_claiming()
        async with asyncio.TaskGroup() as ending:
            ending.create_task(server.drain())
            ending.create_task(assistant.finish(settings.shutdown_grace_s))
        await assistant.close()
        _log.info("stopped")


if __name__ == "__main__":
    main()
