-- Collections of documents. Times are microseconds since 1970.
-- A state is a build of a collection and, from its commit on, what searches of that collection see. It never changes
-- after that: its key, which is never used again, names its content.
CREATE TABLE knowledge_states (
  state_key INTEGER PRIMARY KEY AUTOINCREMENT,
  build_id TEXT NOT NULL UNIQUE,
  collection TEXT NOT NULL,
  embedding_model TEXT NOT NULL,
  -- JSON in ASCII.
  attributes TEXT NOT NULL,
  -- building, current or dropped.
  phase TEXT NOT NULL DEFAULT 'building',
  -- Known with the first chunk; 0 without vectors.
  vector_length INTEGER,
  document_count INTEGER NOT NULL DEFAULT 0,
  chunk_count INTEGER NOT NULL DEFAULT 0,
  update_us INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX knowledge_states_building ON knowledge_states (collection) WHERE phase = 'building';
CREATE UNIQUE INDEX knowledge_states_current ON knowledge_states (collection) WHERE phase = 'current';
CREATE INDEX knowledge_states_dropped ON knowledge_states (state_key) WHERE phase = 'dropped';

-- States share documents. One that no state references loses its digest, so that nobody finds it while it is removed.
CREATE TABLE knowledge_documents (
  document_key INTEGER PRIMARY KEY AUTOINCREMENT,
  digest TEXT UNIQUE,
  is_complete INTEGER NOT NULL DEFAULT 0,
  chunk_count INTEGER NOT NULL DEFAULT 0,
  vector_length INTEGER
) STRICT;

CREATE INDEX knowledge_documents_removed ON knowledge_documents (document_key) WHERE digest IS NULL;

CREATE TABLE knowledge_references (
  state_key INTEGER NOT NULL,
  source TEXT NOT NULL,
  document_key INTEGER NOT NULL,
  attributes TEXT NOT NULL,
  PRIMARY KEY (state_key, source)
) STRICT, WITHOUT ROWID;

CREATE INDEX knowledge_references_by_document ON knowledge_references (document_key, state_key);

-- What ranking reads of every chunk; the texts, which only the results need, would be in the way.
CREATE TABLE knowledge_chunks (
  chunk_key INTEGER PRIMARY KEY AUTOINCREMENT,
  document_key INTEGER NOT NULL,
  position INTEGER NOT NULL,
  -- Characters of the text.
  text_length INTEGER NOT NULL,
  -- Of length 1, as little-endian float16.
  vector BLOB NOT NULL
) STRICT;

CREATE UNIQUE INDEX knowledge_chunks_by_document ON knowledge_chunks (document_key, position);

CREATE TABLE knowledge_texts (
  chunk_key INTEGER PRIMARY KEY,
  text TEXT NOT NULL,
  heading TEXT NOT NULL,
  start_line INTEGER NOT NULL,
  end_line INTEGER NOT NULL
) STRICT;

-- Which words stand where. Marks belong to words: without them the words of Hindi and Thai would fall apart.
CREATE VIRTUAL TABLE knowledge_words USING fts5 (
  text, heading, content = '', columnsize = 0,
  tokenize = "porter unicode61 remove_diacritics 2 categories 'L* N* Co Mn Mc'"
);

CREATE VIRTUAL TABLE knowledge_word_places USING fts5vocab (knowledge_words, instance);
