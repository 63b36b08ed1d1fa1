"""WeCom's endpoints."""
