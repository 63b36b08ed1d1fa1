"""The identity of a connection to Feishu: an app, or a user who has consented."""
