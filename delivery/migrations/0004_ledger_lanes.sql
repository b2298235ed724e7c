-- What carried a message, and where to; the defaults are stored once, and rewrite nothing.
ALTER TABLE delivery_ledger
  ADD COLUMN message_class text NOT NULL DEFAULT 'marketing',
  ADD COLUMN domain_group text COLLATE "C" NOT NULL DEFAULT 'other',
  ADD COLUMN transport_id bigint;
