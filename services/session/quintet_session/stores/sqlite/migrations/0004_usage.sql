-- One row a call of a model. Times are microseconds since 1970.
CREATE TABLE usage_records (
  -- Orders records that began at the same time.
  record_key INTEGER PRIMARY KEY,
  record_id TEXT NOT NULL,
  surface TEXT NOT NULL,
  owner TEXT NOT NULL,
  action TEXT NOT NULL,
  provider TEXT NOT NULL,
  model TEXT NOT NULL,
  input_tokens INTEGER NOT NULL,
  output_tokens INTEGER NOT NULL,
  cost_micro_usd INTEGER NOT NULL,
  latency_us INTEGER NOT NULL,
  first_token_us INTEGER,
  outcome TEXT NOT NULL,
  estimated INTEGER NOT NULL,
  start_us INTEGER NOT NULL
) STRICT;

-- The scope is part of it, so that an id of one owner takes nothing from another one.
CREATE UNIQUE INDEX usage_by_id ON usage_records (record_id, surface, owner);
CREATE INDEX usage_by_owner ON usage_records (surface, owner, start_us);
CREATE INDEX usage_by_time ON usage_records (surface, start_us);
