-- What surfaces keep beside the title of a session, and the ids that writers give to their messages.
ALTER TABLE sessions ADD COLUMN attributes TEXT NOT NULL DEFAULT '{}';

-- NULL where the writer gave none.
ALTER TABLE messages ADD COLUMN message_id TEXT;

-- Finds a message by the id that its writer gave it, and keeps these ids unique among the messages of an owner.
CREATE TABLE message_ids (
  surface TEXT NOT NULL,
  owner TEXT NOT NULL,
  message_id TEXT NOT NULL,
  session_key INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  PRIMARY KEY (surface, owner, message_id)
) STRICT, WITHOUT ROWID;
