"""Settings of gunicorn by which each worker starts an exporter."""


def post_worker_init(worker: object) -> None:
    from programs.fork_servers import start  # the master reads its settings first, and imports the site later

    start()
