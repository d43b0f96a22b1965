"""Triggers: what makes runs of pipelines by the clock, or when something happens.

Firing is one transaction: the trigger's row is held, its trigger run is written (once for each occurrence, window or event, whoever comes to
write it), its pipeline runs are written and queued, and the trigger's cursor moves. A process that dies has done all of it or nothing.
"""
