-- What finds old usage records, finds API keys by their prefixes, and keeps revocations whatever the clock does.
CREATE INDEX usage_by_start ON usage_records (start_us);

CREATE INDEX api_keys_by_prefix ON api_keys (surface, prefix);

-- Time of the present process's monotonic clock since when a revocation is known to be kept.
ALTER TABLE token_revocations ADD COLUMN kept_from_us INTEGER NOT NULL DEFAULT 0;
ALTER TABLE user_revocations ADD COLUMN kept_from_us INTEGER NOT NULL DEFAULT 0;

DROP INDEX token_revocations_by_end;
DROP INDEX user_revocations_by_end;
CREATE INDEX token_revocations_by_end ON token_revocations (expire_us, kept_from_us);
CREATE INDEX user_revocations_by_end ON user_revocations (expire_us, kept_from_us);
