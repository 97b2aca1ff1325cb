"""One file per engine; all of them answer to `quintet_vision.engine.VisionEngine`."""
