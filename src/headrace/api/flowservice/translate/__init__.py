"""Pure translation at the door's edge: definitions in (connections, schemas, mapping sets, flows → plans), the ledger out (runs, batches)."""
