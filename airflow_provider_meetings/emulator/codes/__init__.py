"""The documented error codes of both vendors."""
