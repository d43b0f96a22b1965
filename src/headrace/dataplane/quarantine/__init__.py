"""The quarantine: every reject of a batch with its reasons, in files that a person can read, correct and play again.

    <quarantine>/<batch>/row_errors/parsing_errors_0.json …      what was no row
    <quarantine>/<batch>/row_errors/conversion_errors_0.json …   rows that broke a rule, as they came
    <quarantine>/<batch>/row_error_samples.json                  at most 100 of both, as one JSON array
    <quarantine>/<batch>/input_files/fileMetaData1.json          the files that were read

    layout      names of files, listing, opening
    export      rows as a stream, as CSV for spreadsheets
    corrected   corrected rejects as a landing of their own (``service.replays`` makes the run, ``activities.replay`` promotes it)

They are written by ``promotion.diagnostics``, which has the rows.
"""
