"""A site that counts its requests, for servers to serve and for test runs to test."""
