"""Feishu's endpoints."""
