"""The session service: keeps conversations, messages and jobs."""
