"""The methods of quintet.identity.v1 about settings documents."""

from quintet.identity.v1 import identity_service_pb2 as pb
from quintet_observability import get_logger
from quintet_rpc.context import Context
from quintet_session import identity_validation
from quintet_session.identity import Identity
from quintet_session.identity_store import SettingsChange, SettingsKey
from quintet_session.identity_translate import to_settings

_log = get_logger(__name__)


class SettingsMethods:
    """Reads and changes settings documents."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    async def GetSettings(self, request: pb.GetSettingsRequest, context: Context) -> pb.GetSettingsResponse:
        """Returns a document."""
        document = await self._identity.store.get_settings(identity_validation.settings_key(request.key))
        return pb.GetSettingsResponse(settings=to_settings(document))

    async def UpdateSettings(self, request: pb.UpdateSettingsRequest, context: Context) -> pb.UpdateSettingsResponse:
        """Changes a document."""
        key = identity_validation.settings_key(request.key)
        values = identity_validation.settings_values(request.values)
        secrets = identity_validation.settings_secrets(request.secrets)
        change = SettingsChange(values, {name: self._sealed(key, name, text) for name, text in secrets.items()})
        document = await self._identity.store.update_settings(key, change, identity_validation.DOCUMENT_LIMITS)
        _log.info("settings_updated", surface=key.surface, values=len(values), secrets=len(secrets))
        return pb.UpdateSettingsResponse(settings=to_settings(document))

    def _sealed(self, key: SettingsKey, name: str, text: str) -> bytes | None:
        return self._identity.secret_box.seal(text, key.surface, key.subject, name) if text else None
