-- Users, their sign-ins, API keys, settings, and what is revoked. Times are microseconds since 1970.
CREATE TABLE users (
  -- Orders the list; never used again.
  user_key INTEGER PRIMARY KEY AUTOINCREMENT,
  user_id TEXT NOT NULL UNIQUE,
  email TEXT NOT NULL,
  -- The address in one spelling, by which it is unique.
  email_key TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  is_admin INTEGER NOT NULL,
  password_hash TEXT NOT NULL,
  -- Access tokens of an older generation are invalid.
  generation INTEGER NOT NULL DEFAULT 1,
  create_us INTEGER NOT NULL,
  update_us INTEGER NOT NULL
) STRICT;

CREATE INDEX users_admins ON users (user_key) WHERE is_admin = 1;

CREATE TABLE sign_ins (
  sign_in_id TEXT NOT NULL PRIMARY KEY,
  user_id TEXT NOT NULL,
  -- SHA-256 of the refresh token.
  token_hash BLOB NOT NULL UNIQUE,
  create_us INTEGER NOT NULL,
  expire_us INTEGER NOT NULL
) STRICT;

CREATE INDEX sign_ins_by_user ON sign_ins (user_id);
CREATE INDEX sign_ins_by_end ON sign_ins (expire_us);

CREATE TABLE token_revocations (
  token_id TEXT NOT NULL PRIMARY KEY,
  expire_us INTEGER NOT NULL
) STRICT;

CREATE INDEX token_revocations_by_end ON token_revocations (expire_us);

CREATE TABLE user_revocations (
  user_id TEXT NOT NULL PRIMARY KEY,
  min_generation INTEGER NOT NULL,
  expire_us INTEGER NOT NULL
) STRICT;

CREATE INDEX user_revocations_by_end ON user_revocations (expire_us);

CREATE TABLE api_keys (
  -- Orders the list; never used again.
  api_key INTEGER PRIMARY KEY AUTOINCREMENT,
  key_id TEXT NOT NULL UNIQUE,
  surface TEXT NOT NULL,
  owner TEXT NOT NULL,
  prefix TEXT NOT NULL,
  -- SHA-256 of the key.
  secret_hash BLOB NOT NULL UNIQUE,
  -- Words with spaces between them; none means all.
  scopes TEXT NOT NULL,
  create_us INTEGER NOT NULL,
  expire_us INTEGER,
  revoke_us INTEGER
) STRICT;

CREATE INDEX api_keys_by_surface ON api_keys (surface, api_key);
CREATE INDEX api_keys_by_owner ON api_keys (owner);

CREATE TABLE settings_documents (
  surface TEXT NOT NULL,
  subject TEXT NOT NULL,
  update_us INTEGER NOT NULL,
  PRIMARY KEY (surface, subject)
) STRICT, WITHOUT ROWID;

CREATE INDEX settings_documents_by_subject ON settings_documents (subject);

CREATE TABLE settings_values (
  surface TEXT NOT NULL,
  subject TEXT NOT NULL,
  name TEXT NOT NULL,
  -- JSON text.
  value TEXT NOT NULL,
  PRIMARY KEY (surface, subject, name)
) STRICT;

CREATE INDEX settings_values_by_subject ON settings_values (subject);

CREATE TABLE settings_secrets (
  surface TEXT NOT NULL,
  subject TEXT NOT NULL,
  name TEXT NOT NULL,
  -- Encrypted; the key is not in the database.
  sealed BLOB NOT NULL,
  PRIMARY KEY (surface, subject, name)
) STRICT;

CREATE INDEX settings_secrets_by_subject ON settings_secrets (subject);
