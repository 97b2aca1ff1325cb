"""`quintet doctor`: what would run here and why, what is missing, and the command that adds it."""

import asyncio
import importlib.metadata
import json
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from quintet_cli.data_folder import problem_with
from quintet_cli.language_models import USUAL_PORTS, LanguageModelServer, find_servers
from quintet_cli.options import GATEWAY_PORTS, MODEL_SERVICES, SERVICE_PORTS, Options
from quintet_cli.ports import is_free
from quintet_cli.processes import command_of, shared_settings
from quintet_cli.terminal_text import harmless
from quintet_models import installed, load_catalogue

_PACKAGES = (
    "quintet-gateway", "quintet-session", "quintet-llm", "quintet-vision", "quintet-stt", "quintet-tts", "quintet-cli",
    "grpcio", "protobuf", "aiohttp", "ctranslate2", "faster-whisper", "pocketsphinx", "espeakng-loader", "coqui-tts",
    "piper-tts", "opencv-python-headless", "rapidocr", "ultralytics", "onnxruntime", "av", "pillow",
)  # fmt: skip
_DESCRIBE_S = 60.0
_THIS_COMMAND = "quintet doctor"
_MOST_SHOWN = 3


@dataclass(frozen=True)
class EngineReport:
    """What a service says of the engine that it would run; `problem` is set where it says nothing."""

    service: str
    engine: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""


@dataclass(frozen=True)
class Report:
    """Everything that the doctor found; `problems` keep Quintet from working, `remedies` are commands."""

    python: str
    data_dir: str
    data_dir_problem: str
    engines: Sequence[EngineReport]
    models: Mapping[str, bool]
    packages: Mapping[str, str]
    ports_free: Mapping[int, bool]
    language_models: Sequence[LanguageModelServer] = ()
    document_folders: Mapping[str, str] = field(default_factory=dict)
    gateway_problem: str = ""

    @property
    def problems(self) -> list[str]:
        """Sentences on what does not work at all."""
        found = [f"{report.service}: {report.problem}" for report in self.engines if report.problem]
        if self.gateway_problem:
            found.append(f"gateway: {self.gateway_problem}")
        return [self.data_dir_problem, *found] if self.data_dir_problem else found

    @property
    def remedies(self) -> list[str]:
        """Commands that would make Quintet able to do more, without repetitions."""
        limits = [limit for report in self.engines for limit in report.engine.get("limitations", ())]
        commands = [str(limit["remedy"]) for limit in limits if limit.get("remedy")]
        commands += [f"quintet models pull {name}" for name, there in self.models.items() if not there]
        if self.lacks_language_model:
            commands += [f"{server.setting} quintet up" for server in self.language_models]
        # Engines name this command, which cannot be its own remedy.
        return [command for command in dict.fromkeys(commands) if command != _THIS_COMMAND]

    @property
    def lacks_language_model(self) -> bool:
        """Whether conversations are answered without a language model."""
        return any(one.service == "llm" and one.engine.get("name") == "grounded" for one in self.engines)

    def to_json(self) -> str:
        """The report for machines."""
        return json.dumps(asdict(self) | {"problems": self.problems, "remedies": self.remedies}, indent=2)


async def examine(options: Options) -> Report:
    """Looks at everything; starts each process for a moment to ask for its engine or its settings."""
    # Before the services start: they take the processor, and the servers have little time to answer.
    language_models = await find_servers()
    *services, gateway = await asyncio.gather(*(describe(name, options) for name in (*MODEL_SERVICES, "gateway")))
    return Report(
        python=platform.python_version(),
        data_dir=str(options.data_dir),
        data_dir_problem=problem_with(options.data_dir) or "",
        engines=[engine for service in services for engine in engines_of(service)],
        models={name: bool(installed(options.data_dir / "models", name)) for name in load_catalogue().models},
        packages={name: _version(name) for name in _PACKAGES},
        ports_free={port: is_free(port) for port in (*GATEWAY_PORTS, *SERVICE_PORTS.values())},
        language_models=language_models,
        document_folders=states_of(gateway.engine.get("document_folders", ())),
        gateway_problem=gateway.problem,
    )


def engines_of(service: EngineReport) -> list[EngineReport]:
    """Returns the engine of a service, and beside it those that it describes as others."""
    own = {key: value for key, value in service.engine.items() if key != "others"}
    others = service.engine.get("others", {})
    return [replace(service, engine=own), *(EngineReport(name, engine) for name, engine in others.items())]


def states_of(folders: Iterable[str]) -> dict[str, str]:
    """Returns for each folder of documents whether its documents can be read."""
    return {folder: _state_of(Path(folder)) for folder in folders}


def _state_of(folder: Path) -> str:
    if not folder.is_dir():
        return "not there yet"
    return "ready" if os.access(folder, os.R_OK | os.X_OK) else "cannot be read"


def show(report: Report, console: Console) -> None:
    """Prints the report for people."""
    console.print(_engine_table(report))
    for one in report.engines:
        for limit in one.engine.get("limitations", ()):
            console.print(f"  {one.service}: {limit['subject']}: {limit['explanation']}", highlight=False, markup=False)
    console.print(_place_table(report))
    console.print(_package_table(report))
    for problem in report.problems:
        console.print(f"Problem: {problem}", style="red", highlight=False, markup=False)
    for line in _language_model_lines(report):
        console.print(harmless(line), highlight=False, markup=False)
    if report.remedies:
        console.print("To make it able to do more:", style="bold")
    for command in report.remedies:
        console.print(f"  {command}", highlight=False, markup=False)


def _language_model_lines(report: Report) -> list[str]:
    lines = []
    for server in report.language_models:
        more = f" and {len(server.models) - _MOST_SHOWN} more" if len(server.models) > _MOST_SHOWN else ""
        names = ", ".join(server.models[:_MOST_SHOWN])
        lines.append(f"{server.name} at {server.address} has {names}{more}; {server.setting} uses it.")
    if report.lacks_language_model and not lines:
        places = ", ".join(f"{port} ({name})" for port, name in USUAL_PORTS.items())
        lines.append(f"No language model answers on this machine; looked at the ports {places}.")
        lines.append("Any server with an OpenAI-compatible API can be used: OPENAI_BASE_URL=ADDRESS quintet up")
        lines.append(
            "with OPENAI_API_KEY=KEY before it if the server asks for a key; the key alone means OpenAI's own."
        )
    return lines


def _engine_table(report: Report) -> Table:
    table = Table("service", "engine", "kind", "model", "why", "languages", title="Engines")
    for one in report.engines:
        engine = one.engine
        languages = ", ".join(engine.get("languages", ()))
        if len(languages) > 60:
            languages = f"{len(engine['languages'])} languages"
        texts = [str(engine.get(key) or "-") for key in ("name", "kind", "model", "choice_reason")]
        table.add_row(one.service, *texts, languages or "-")
    return table


def _place_table(report: Report) -> Table:
    table = Table("what", "state", title="This machine")
    table.add_row("Python", report.python)
    table.add_row(f"data folder {report.data_dir}", report.data_dir_problem or "ready")
    for folder, state in report.document_folders.items():
        table.add_row(Text(f"documents in {folder}"), state)
    for name, there in report.models.items():
        table.add_row(f"model {name}", "installed" if there else "not installed")
    for port, free in report.ports_free.items():
        table.add_row(f"port {port}", "free" if free else "in use (by a running Quintet, or another program)")
    return table


def _package_table(report: Report) -> Table:
    table = Table("package", "version", title="Packages")
    for name, version in report.packages.items():
        table.add_row(name, version or "not installed")
    return table


async def describe(name: str, options: Options) -> EngineReport:
    """Asks one process which engine it would run, or what its settings come to; never fails itself."""
    process = await asyncio.create_subprocess_exec(
        *command_of(name), "--describe",
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env=os.environ | shared_settings(name, options),
    )  # fmt: skip
    try:
        answer, complaint = await asyncio.wait_for(process.communicate(), _DESCRIBE_S)
    except TimeoutError:
        process.kill()
        await process.wait()
        return EngineReport(name, problem=f"did not answer within {_DESCRIBE_S:.0f} s")
    try:
        return EngineReport(name, json.loads(answer.decode().strip().splitlines()[-1]))
    except (ValueError, IndexError):
        last = complaint.decode("utf-8", "replace").strip().splitlines()[-1:]
        return EngineReport(name, problem="".join(last) or f"ended with code {process.returncode}")


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""
