"""The same rows as Parquet, in Hive partitions: one object for each table and day, replaced whole."""
