"""Everything the dialects can ask for, built from the addresses of the services."""

from quintet_gateway.assistant.chat_turns import ChatTurns
from quintet_gateway.assistant.health import Health
from quintet_gateway.assistant.job_runner import JobRunner
from quintet_gateway.assistant.job_works import JobWorks
from quintet_gateway.assistant.jobs import Jobs
from quintet_gateway.assistant.sessions import Sessions
from quintet_gateway.clients import ServiceAddresses, ServiceClients


class Assistant:
    """The assistant of one gateway process; it also works on accepted jobs until it is closed."""

    def __init__(self, addresses: ServiceAddresses, job_slots: int = 8) -> None:
        self._clients = ServiceClients(addresses)
        self.sessions = Sessions(self._clients.session)
        self.chat = ChatTurns(self._clients.session, self._clients.chat)
        self.jobs = Jobs(self._clients.jobs)
        self.health = Health(self._clients)
        works = JobWorks(self.chat, self._clients.vision, self._clients.stt, self._clients.tts)
        self._runner = JobRunner(self._clients.jobs, works, job_slots)

    def start(self) -> None:
        """Begins to work on jobs."""
        self._runner.start()

    async def stop_claiming(self) -> None:
        """Takes no more jobs; other processes may have them."""
        await self._runner.stop_claiming()

    async def finish(self, grace_s: float) -> None:
        """Lets the jobs at work go on for at most `grace_s` seconds, and waits for what has to be stored."""
        await self._runner.close(grace_s)
        await self.chat.close()

    async def close(self) -> None:
        """Closes the channels."""
        await self._clients.close()
