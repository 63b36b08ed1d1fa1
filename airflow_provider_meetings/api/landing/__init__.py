"""The landing engine: transfer media files into a store, verified and with a receipt."""
