"""Jobs: everything that may be asked of them, what the engine and the clock do with them, and what listeners hear of it."""
