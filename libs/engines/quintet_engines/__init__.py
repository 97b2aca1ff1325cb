"""What the engines of all services share: their description, admission, idle unload and the script of scripted ones."""

from quintet_engines.idle import IdleUnloader
from quintet_engines.info import EngineInfo, EngineKind, Limitation
from quintet_engines.script import Script, ScriptSource
from quintet_engines.slots import EngineSlots
from quintet_engines.turns import Turns

__all__ = ["EngineInfo", "EngineKind", "EngineSlots", "IdleUnloader", "Limitation", "Script", "ScriptSource", "Turns"]
