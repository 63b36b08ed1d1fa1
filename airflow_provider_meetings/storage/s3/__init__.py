"""A bucket that speaks S3."""
