"""What listeners are told: written with the change (``announce``), numbered and handed out by ``dispatch``, looked up by ``reading``."""
