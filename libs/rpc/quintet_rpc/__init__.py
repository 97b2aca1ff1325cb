"""Servers, clients and the process life cycle that all of Quintet shares."""

import os

# gRPC's C library writes to standard error what Quintet says in its own log; it reads this before its first use.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

from quintet_rpc.process import Service, run_process
from quintet_rpc.settings import ServiceSettings, service_config

__all__ = ["Service", "ServiceSettings", "run_process", "service_config"]
