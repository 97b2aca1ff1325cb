-- Targets of events, the events, and their deliveries. Times are microseconds since 1970.
CREATE TABLE webhooks (
  -- Never used again: the deliveries of a deleted webhook are removed a little at a time.
  webhook_key INTEGER PRIMARY KEY AUTOINCREMENT,
  webhook_id TEXT NOT NULL UNIQUE,
  surface TEXT NOT NULL,
  owner TEXT NOT NULL,
  url TEXT NOT NULL,
  -- Encrypted; NULL for none.
  secret BLOB,
  create_us INTEGER NOT NULL,
  deleted INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE UNIQUE INDEX webhooks_by_url ON webhooks (surface, owner, url) WHERE deleted = 0;
CREATE INDEX webhooks_deleted ON webhooks (webhook_key) WHERE deleted = 1;

CREATE TABLE webhook_event_types (
  webhook_key INTEGER NOT NULL,
  position INTEGER NOT NULL,
  event_type TEXT NOT NULL,
  PRIMARY KEY (webhook_key, position)
) STRICT, WITHOUT ROWID;

-- Kept once for all webhooks, because an event can have megabytes.
CREATE TABLE webhook_events (
  event_key INTEGER PRIMARY KEY AUTOINCREMENT,
  event_id TEXT NOT NULL UNIQUE,
  session_id TEXT NOT NULL,
  event_type TEXT NOT NULL,
  data TEXT NOT NULL,
  event_us INTEGER NOT NULL
) STRICT;

CREATE TABLE webhook_deliveries (
  -- Orders the deliveries of a session to a webhook.
  delivery_key INTEGER PRIMARY KEY AUTOINCREMENT,
  delivery_id TEXT NOT NULL UNIQUE,
  webhook_key INTEGER NOT NULL,
  event_key INTEGER NOT NULL,
  surface TEXT NOT NULL,
  owner TEXT NOT NULL,
  session_id TEXT NOT NULL,
  state TEXT NOT NULL,
  -- 1 for the one of a session and a webhook that may be claimed; the pending ones behind it wait.
  at_head INTEGER NOT NULL,
  -- When the next attempt may begin, which is the end of the lease while `leased` is 1.
  due_us INTEGER NOT NULL,
  -- How long before `due_us` that time was set, so that it can be set anew when the clock has jumped.
  wait_us INTEGER NOT NULL DEFAULT 0,
  leased INTEGER NOT NULL DEFAULT 0,
  -- Of the last claim; it outlives the lease, so that a repeated completion is known as one.
  lease_token TEXT,
  give_up_us INTEGER NOT NULL,
  attempt_count INTEGER NOT NULL DEFAULT 0,
  -- Failures since the event or the last redelivery.
  failure_count INTEGER NOT NULL DEFAULT 0,
  last_status_code INTEGER NOT NULL DEFAULT 0,
  last_error TEXT NOT NULL DEFAULT '',
  end_us INTEGER
) STRICT;

CREATE INDEX webhook_deliveries_due ON webhook_deliveries (due_us, delivery_key) WHERE at_head = 1;
CREATE INDEX webhook_deliveries_by_line ON webhook_deliveries (webhook_key, session_id, state, delivery_key);
CREATE INDEX webhook_deliveries_by_event ON webhook_deliveries (event_key);
CREATE INDEX webhook_deliveries_by_owner ON webhook_deliveries (surface, owner, delivery_key);
CREATE INDEX webhook_deliveries_by_state ON webhook_deliveries (state, delivery_key);
CREATE INDEX webhook_deliveries_ended ON webhook_deliveries (state, end_us) WHERE end_us IS NOT NULL;
CREATE UNIQUE INDEX webhook_deliveries_heads ON webhook_deliveries (webhook_key, session_id)
  WHERE at_head = 1 AND session_id <> '';

-- How far the wall clock is ahead of the monotonic one of the present process; another difference is a jump.
CREATE TABLE webhook_clock (
  clock_key INTEGER PRIMARY KEY CHECK (clock_key = 1),
  ahead_us INTEGER NOT NULL
) STRICT;
