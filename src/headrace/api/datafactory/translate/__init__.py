"""Pure translation at the door's edge: pipelines in (definitions → plans), the ledger out (pipeline runs, activity runs)."""
