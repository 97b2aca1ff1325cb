"""The chat service: one servicer in front of one engine."""
