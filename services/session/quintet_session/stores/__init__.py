"""Implementations of `quintet_session.store.Store`."""
