"""The service that turns text into speech."""
