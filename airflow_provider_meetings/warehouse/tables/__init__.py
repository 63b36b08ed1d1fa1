"""Tables, their columns, types and views."""
