"""Source columns to sink columns, as SQL.

stream       mapped rows of one slice, for a writer
columns      which column of the sink comes from what
paths        JSONPaths
documents    what is found in documents, and documents that are put together
conversions  which types become which others, and how
numbers      text to numbers, with a culture's separators
moments      text to dates and times, in the default forms
formats      .NET's formats of dates and times, in both directions
timespans    lengths of time to text and back
forms        values as the text that delimited files, logs and JSON have
cultures     separators and names
"""
