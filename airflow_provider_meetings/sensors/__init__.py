"""Sensors that wait for the platforms."""
