"""Pure translation at the door's edge: bodies in, the core's dataclasses out, and the other way."""
