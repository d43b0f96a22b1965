"""Looking into sources before anything is run: answers to the questions of ``core.explore``, in a process of their own."""
