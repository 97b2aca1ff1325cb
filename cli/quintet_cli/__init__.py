"""The command `quintet`."""
