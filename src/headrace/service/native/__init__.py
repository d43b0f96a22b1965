"""What people and scripts ask Headrace for, done: one function an operation of ``core.native.table``, whichever way it is asked for."""
