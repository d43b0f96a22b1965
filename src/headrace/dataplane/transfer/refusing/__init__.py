"""What is left out of a transfer: rows in a spool while it goes on, and told at its end in the log, the redirect file and the quarantine.

spool        refused rows of one unit, in the journal's folder: later tries have them from there
logs         the session log, and the older file of refused rows
quarantine   refused rows as ``headrace quarantine`` shows them
"""
