"""What the engine does for jobs: one function for each operation, all in the frame of ``working``.

working          claims, chunks, positions, progress, the end: read this first
operations       the operations by kind, as the engine gets them
selecting        the records that a configuration selects, in chunks
delete_records, find_replace, mutate, export, snapshot
                 the operations
"""
