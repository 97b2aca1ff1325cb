"""The engines of the chat service, one file each."""
