"""Runs the command as `python -m quintet_cli`."""

from quintet_cli.app import main

main()
