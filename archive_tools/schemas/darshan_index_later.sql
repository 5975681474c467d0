-- Columns that were added after the first archives. They are not part of what decides whether an index is current:
-- days that were made before lack them.
ALTER TABLE headers ADD COLUMN file_uid INTEGER;    -- owner of the log's file
