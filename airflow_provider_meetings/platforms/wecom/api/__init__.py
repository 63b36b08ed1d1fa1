"""WeCom's endpoints under the vendor's own names, and their answers."""
