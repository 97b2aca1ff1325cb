-- Jobs, and the chunks of their inputs and results.
CREATE TABLE jobs (
  -- Orders the queue.
  job_key INTEGER PRIMARY KEY AUTOINCREMENT,
  job_id TEXT NOT NULL UNIQUE,
  surface TEXT NOT NULL,
  owner TEXT NOT NULL,
  task BLOB NOT NULL,
  state TEXT NOT NULL,
  progress_percent INTEGER NOT NULL DEFAULT 0,
  attempt_count INTEGER NOT NULL DEFAULT 0,
  lease_token TEXT,
  error_reason TEXT,
  error_message TEXT,
  create_us INTEGER NOT NULL,
  finish_us INTEGER,
  input_blob TEXT,
  input_bytes INTEGER NOT NULL,
  result_blob TEXT,
  result_bytes INTEGER NOT NULL DEFAULT 0,
  revision INTEGER NOT NULL DEFAULT 1
) STRICT;

CREATE INDEX jobs_queued ON jobs (job_key) WHERE state = 'queued';
CREATE INDEX jobs_running ON jobs (job_key) WHERE state = 'running';
CREATE INDEX jobs_ended ON jobs (finish_us) WHERE finish_us IS NOT NULL;
CREATE INDEX jobs_spent_inputs ON jobs (job_key) WHERE finish_us IS NOT NULL AND input_blob IS NOT NULL;
CREATE INDEX jobs_by_input ON jobs (input_blob) WHERE input_blob IS NOT NULL;
CREATE INDEX jobs_by_result ON jobs (result_blob) WHERE result_blob IS NOT NULL;

CREATE TABLE chunks (
  -- Never used again: what is below the first key of a process's life was written by an earlier one.
  chunk_key INTEGER PRIMARY KEY AUTOINCREMENT,
  blob_id TEXT NOT NULL,
  position INTEGER NOT NULL,
  data BLOB NOT NULL
) STRICT;

CREATE UNIQUE INDEX chunks_by_blob ON chunks (blob_id, position);
