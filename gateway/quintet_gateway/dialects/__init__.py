"""One package for each public API that the gateway speaks; none imports another."""
