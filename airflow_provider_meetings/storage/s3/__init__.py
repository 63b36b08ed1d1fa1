"""Store in a bucket with the S3 API."""
