"""What may be asked: a use case is a function and a transaction.

Every function takes the ``Database`` first, then the tenant's ``scope`` (``None`` only where an operator of the whole installation
asks), then what is asked. It opens its own transaction, so that what it says has happened is on disk when it returns; it can be repeated
after a crash or a lost answer without doing the thing twice. Who may ask is the caller's business (``headrace.http``, the CLI).

    runs          create, look up, cancel, complete from outside
    retries       preview and make the retry of a run
    recoveries    preview and make the recovery of a pipeline's run
    flows         put, get, list
    quarantine    rejected rows: list, open, play again
    connections   where sources are, with secrets sealed
    documents     any other definition that a door keeps, in revisions
    clients       who may call, in which role and scopes
    tokens        short-lived proofs that a door issues to a client
    sealing       how secrets are kept
    uploads       files that clients send for a batch, and batches taken back
    replays       play corrected rejects again
    watermarks    up to where a flow has delivered
    delivered     whether a run's rows were delivered by another one since
"""
