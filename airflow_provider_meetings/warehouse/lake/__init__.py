"""The warehouse's rows as Parquet in Hive partitions: one object per table and day, replaced as a whole."""
