"""An SMTP server that keeps what it gets: PORT FOLDER [CERTIFICATE KEY].

With a certificate it speaks STARTTLS, and takes mail only from users who have
logged in so.  nobody@ is refused for good, later@ for the moment.  Each
mail becomes a file of its envelope (JSON, first line) and its message.
"""
import itertools
import json
import ssl
import sys
import time

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, SMTP

PORT, FOLDER = int(sys.argv[1]), sys.argv[2]
CERTIFICATE = sys.argv[3:5]


class Keeper:
    numbers = itertools.count(1)

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody@"):
            return "550 5.1.1 no such user"
        if address.startswith("later@"):
            return "450-4.2.0 greylisted,\r\n450 4.2.0 try again"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        facts = {"from": envelope.mail_from, "to": envelope.rcpt_tos, "tls": session.ssl is not None, "user": session.auth_data}
        with open(f"{FOLDER}/{next(self.numbers):03}.mail", "wb") as file:
            file.write(json.dumps(facts).encode() + b"\n" + envelope.content)
        return "250 kept"


def check_login(server, session, envelope, mechanism, data):
    right = (data.login, data.password) == (b"district", b"correct horse")
    return AuthResult(success=right, handled=False, auth_data=data.login.decode() if right else None)


class Sink(Controller):
    def factory(self):
        if not CERTIFICATE:
            return SMTP(self.handler, hostname="sink")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*CERTIFICATE)
        return SMTP(self.handler, hostname="sink", tls_context=context, require_starttls=True, auth_required=True,
                    authenticator=check_login)


Sink(Keeper(), hostname="127.0.0.1", port=PORT).start()
while True:
    time.sleep(60)
