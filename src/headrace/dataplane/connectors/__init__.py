"""Where data come from: file stores (``files``, ``local``) and databases (``connection``, ``databases``)."""
