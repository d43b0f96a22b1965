"""What each kind of activity does: plain functions from a ``Task`` to an ``Outcome``, the glue between settings and the data plane.

copy      source to landing
promote   landing to accepted and rejected rows, and one commit
replay    corrected rejects of a batch, promoted as a batch of their own
upload    files that a client has sent, to landing
revert    batches, taken back out of their table
"""
