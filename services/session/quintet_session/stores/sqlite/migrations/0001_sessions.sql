-- Sessions and messages. Times are microseconds since 1970.
CREATE TABLE sessions (
  session_key INTEGER PRIMARY KEY,
  session_id TEXT NOT NULL UNIQUE,
  surface TEXT NOT NULL,
  owner TEXT NOT NULL,
  title TEXT NOT NULL,
  create_us INTEGER NOT NULL,
  update_us INTEGER NOT NULL,
  -- Orders the sessions of an owner by their last change, whatever the clock did.
  update_order INTEGER NOT NULL,
  message_count INTEGER NOT NULL DEFAULT 0,
  last_sequence INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE UNIQUE INDEX sessions_by_update ON sessions (surface, owner, update_order);

CREATE TABLE messages (
  session_key INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  role TEXT NOT NULL,
  content TEXT NOT NULL,
  create_us INTEGER NOT NULL,
  PRIMARY KEY (session_key, sequence)
) STRICT, WITHOUT ROWID;

-- What each idempotency key stored. Rows outlive a clear, so that a late repetition does not bring messages back.
CREATE TABLE appends (
  session_key INTEGER NOT NULL,
  idempotency_key TEXT NOT NULL,
  first_sequence INTEGER NOT NULL,
  message_count INTEGER NOT NULL,
  create_us INTEGER NOT NULL,
  PRIMARY KEY (session_key, idempotency_key)
) STRICT, WITHOUT ROWID;
