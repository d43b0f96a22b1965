"""What can be wrong with an installation: checks that look, each by itself, and tell what they saw and what would be right.

finding   what a check tells
ground    what checks look at: the settings, the ledger, the clock
process   this process and its settings
home      the home, its key, its disks
ledger    the database of the ledger
work      workers and runs, and what happens by the clock
doors     what others reach, and what connections need
remote    a server, asked from elsewhere
examining all checks in their order, each within its time
"""
