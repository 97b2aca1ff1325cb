"""Starts the session service: `python -m quintet_session`."""

from collections.abc import Sequence

import grpc
from google.protobuf.descriptor import ServiceDescriptor

from quintet.identity.v1 import identity_service_pb2 as identity_pb
from quintet.identity.v1 import identity_service_pb2_grpc as identity_rpc
from quintet.jobs.v1 import job_service_pb2 as jobs_pb
from quintet.jobs.v1 import job_service_pb2_grpc as jobs_rpc
from quintet.knowledge.v1 import knowledge_service_pb2 as knowledge_pb
from quintet.knowledge.v1 import knowledge_service_pb2_grpc as knowledge_rpc
from quintet.session.v1 import session_service_pb2 as pb
from quintet.session.v1 import session_service_pb2_grpc as rpc
from quintet.usage.v1 import usage_service_pb2 as usage_pb
from quintet.usage.v1 import usage_service_pb2_grpc as usage_rpc
from quintet.webhooks.v1 import webhook_service_pb2 as webhooks_pb
from quintet.webhooks.v1 import webhook_service_pb2_grpc as webhooks_rpc
from quintet_rpc import Service, run_process
from quintet_session.identity import Identity
from quintet_session.identity_servicer import IdentityServicer
from quintet_session.job_queue import JobQueue
from quintet_session.job_servicer import JobServicer
from quintet_session.knowledge_servicer import KnowledgeServicer
from quintet_session.retention import Retention
from quintet_session.session_servicer import SessionServicer
from quintet_session.settings import SessionSettings
from quintet_session.store import Store
from quintet_session.stores.sqlite import DatabaseOptions, SqliteStore
from quintet_session.uploads import Cleanups
from quintet_session.usage_servicer import UsageServicer
from quintet_session.webhook_queue import DeliveryQueue
from quintet_session.webhook_servicer import WebhookServicer


class SessionService:
    """The parts of the service, and the order in which they start and stop."""

    def __init__(self, store: Store, settings: SessionSettings) -> None:
        self._store = store
        self._queue = JobQueue(
            store,
            lease_s=settings.job_lease_s,
            max_attempts=settings.job_max_attempts,
            max_queued=settings.max_queued_jobs,
        )
        self._identity = Identity(store.identity, settings)
        self._deliveries = DeliveryQueue(store.webhooks)
        self._cleanups = Cleanups(store)
        self._retention = Retention(
            store,
            keep_s=settings.job_retention_h * 3600,
            keep_usage_s=settings.usage_retention_d * 86_400,
            keep_delivered_s=settings.webhook_delivered_retention_d * 86_400,
            keep_dead_s=settings.webhook_dead_retention_d * 86_400,
            interval_s=settings.purge_interval_s,
        )
        self._max_upload_bytes = settings.max_upload_mib << 20

    def register(self, server: grpc.aio.Server) -> Sequence[ServiceDescriptor]:
        """Adds the services to a server."""
        rpc.add_SessionServiceServicer_to_server(SessionServicer(self._store), server)
        jobs = JobServicer(self._store, self._queue, self._cleanups, self._max_upload_bytes)
        jobs_rpc.add_JobServiceServicer_to_server(jobs, server)
        identity_rpc.add_IdentityServiceServicer_to_server(IdentityServicer(self._identity), server)
        usage_rpc.add_UsageServiceServicer_to_server(UsageServicer(self._store.usage), server)
        knowledge_rpc.add_KnowledgeServiceServicer_to_server(KnowledgeServicer(self._store.knowledge), server)
        webhooks = WebhookServicer(self._store.webhooks, self._deliveries, self._identity)
        webhooks_rpc.add_WebhookServiceServicer_to_server(webhooks, server)
        return [
            pb.DESCRIPTOR.services_by_name["SessionService"],
            jobs_pb.DESCRIPTOR.services_by_name["JobService"],
            identity_pb.DESCRIPTOR.services_by_name["IdentityService"],
            usage_pb.DESCRIPTOR.services_by_name["UsageService"],
            knowledge_pb.DESCRIPTOR.services_by_name["KnowledgeService"],
            webhooks_pb.DESCRIPTOR.services_by_name["WebhookService"],
        ]

    async def open(self) -> None:
        """Opens the store and takes up what it holds."""
        await self._store.open()
        await self._identity.open()
        await self._queue.start()
        await self._deliveries.start()
        self._retention.start()

    async def close(self) -> None:
        """Stops the background work, then the store."""
        await self._retention.close()
        await self._queue.close()
        await self._deliveries.close()
        await self._cleanups.close()
        await self._identity.close()
        await self._store.close()


def build_store(settings: SessionSettings) -> Store:
    """Returns the store that the settings ask for."""
    options = DatabaseOptions(
        data_dir=settings.data_dir,
        synchronous=settings.synchronous,
        max_bytes=settings.max_database_mib << 20,
    )
    return SqliteStore(
        options,
        reader_threads=settings.reader_threads,
        max_vector_cache_bytes=settings.max_vector_cache_mib << 20,
    )


def build(settings: SessionSettings) -> Service:
    """Puts the service together."""
    service = SessionService(build_store(settings), settings)
    return Service(
        name="session", settings=settings, register=service.register, warm_up=service.open, close=service.close
    )


if __name__ == "__main__":
    run_process(SessionSettings, build)
