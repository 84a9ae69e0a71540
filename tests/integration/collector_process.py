"""A collector that is run as a program with the arguments `DSN PORT DIES`.

It kills itself with SIGKILL at its first call, `before-storing` or `before-answering` (when all is durable and nobody
has been told); or `never`.
"""

import os
import signal
import sys
from typing import Any

import uvicorn


def main(dsn: str, port: str, dies: str) -> None:
    from sadakat.config import boot

    boot.process.dsn, boot.process.secret_key = dsn, "x" * 40
    os.environ["DJANGO_SETTINGS_MODULE"] = "sadakat.config.django_settings"
    import django

    django.setup()
    from sadakat.events import plugs
    from sadakat.events.web.collector import Collector
    from tests.integration.collecting import PlainResolver

    plugs.register_resolver(PlainResolver())
    collector = Collector(lambda: dsn)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        async def send_or_die(message: Any) -> None:
            if dies == "before-answering":
                os.kill(os.getpid(), signal.SIGKILL)
            await send(message)

        is_call = scope["type"] == "http" and scope["method"] == "POST"
        if is_call and dies == "before-storing":
            os.kill(os.getpid(), signal.SIGKILL)
        await collector(scope, receive, send_or_die if is_call else send)

    uvicorn.run(app, host="127.0.0.1", port=int(port), log_config=None, access_log=False, ws="none")


if __name__ == "__main__":
    main(*sys.argv[1:])
