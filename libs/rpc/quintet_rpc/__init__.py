"""Servers, clients and the process life cycle that all of Quintet shares."""

from quintet_rpc.process import Service, run_process
from quintet_rpc.settings import ServiceSettings, service_config

__all__ = ["Service", "ServiceSettings", "run_process", "service_config"]
