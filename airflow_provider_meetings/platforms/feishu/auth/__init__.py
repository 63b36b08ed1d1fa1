"""As whom a connection asks Feishu: the app, or a user who has consented."""
