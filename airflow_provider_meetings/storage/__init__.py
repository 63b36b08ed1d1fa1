"""Stores of the landing engine, one subpackage per kind."""
