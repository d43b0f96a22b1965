"""Bytes and rows: sources, landing, promotion, quarantine, lake. It knows no run table and no door.

copying      source to landing, bytes as they came (files) or Parquet (tables)
landing      what a copy laid down: write, look up, remove, find what nobody owns
archives     landed files opened safely, whatever they are packed with
connectors   file stores and databases
storage      the folders of an installation
limits       what one activity may use
"""
