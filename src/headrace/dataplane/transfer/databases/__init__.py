"""Databases in transfers: queries to rows, rows to tables, and statements for their own sake.

reading     a query, a table in ranges or partitions, or a procedure, as slices of rows
ranges      where ranges of a column begin and end; placeholders in queries
fitting     what drivers hand over, as values of transfers
links/      connections that may write: one module for each database
marks       how far each slice has come, kept in the sink's database, with the rows
writing     batches of rows into a table
settling    batches with faulty rows in them
merging     rows that are gathered in an interim table first: upserts, and transfers of one transaction
statements  scripts and procedures, with parameters
describing  the columns of a table
"""
