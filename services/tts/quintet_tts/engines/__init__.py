"""One module per engine; each implements `quintet_tts.engine.TtsEngine`."""
