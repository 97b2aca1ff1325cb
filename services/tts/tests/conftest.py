"""Makes the module beside the tests findable: test modules are imported by their paths."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
pytest.register_assert_rewrite("tts_room")
