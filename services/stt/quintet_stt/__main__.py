"""`python -m quintet_stt` runs the service."""

if __name__ == "__main__":
    # Worker processes import this module under another name and need none of the service.
    from quintet_stt.process import run

    run()
