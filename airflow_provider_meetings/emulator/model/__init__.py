"""What the emulated companies have: apps, users, meetings, recordings, posts, media."""
