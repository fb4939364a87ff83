"""What the tests share: endpoints to export to, processes to export from, and waiting for conditions."""
