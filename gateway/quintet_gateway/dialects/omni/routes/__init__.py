"""The endpoints of omni, one file a subject."""
