"""The ledger: SQLAlchemy Core lives here and nowhere else. One file a noun; every function takes a ``Transaction`` first."""
