"""Copy (contract 9): what its document asks for as a transfer of the data plane, and what a transfer did in the words of Data Factory.

asking     the whole request
sources    sources, and what is chosen of a store
sinks      sinks
mapping    the translator
tolerance  what may be left out, and logs
outputs    the output, of running copies too
failures   reasons in the words of the contract
"""
