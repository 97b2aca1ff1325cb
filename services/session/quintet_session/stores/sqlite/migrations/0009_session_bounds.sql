-- Sessions that end when nothing changes in them, and what surfaces keep beside the text of a message.
-- NULL for those that do not end by themselves.
ALTER TABLE sessions ADD COLUMN idle_us INTEGER;
ALTER TABLE sessions ADD COLUMN expire_us INTEGER;

-- With the end in it, an owner's sessions are counted and skipped without a look at their rows.
DROP INDEX sessions_by_update;
CREATE INDEX sessions_by_update ON sessions (surface, owner, update_order, expire_us);
CREATE INDEX sessions_by_end ON sessions (expire_us) WHERE expire_us IS NOT NULL;

-- JSON text; NULL without attributes.
ALTER TABLE messages ADD COLUMN attributes TEXT;
-- A serialized quintet.vision.v1.ImageAnalysis; NULL where no picture came with the message.
ALTER TABLE messages ADD COLUMN image_analysis BLOB;
