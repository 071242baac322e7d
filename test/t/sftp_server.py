"""An SFTP server that checks a password: PORT FOLDER HOST_KEY.

A file whose name begins with "cut" ends its connection after 64 kB; one whose
name begins with "slow" comes at 32 kB a second, and each place from which it
is read is printed.
"""
import asyncio
import sys

import asyncssh

PORT, FOLDER, HOST_KEY = int(sys.argv[1]), sys.argv[2], sys.argv[3]


class PasswordServer(asyncssh.SSHServer):
    def password_auth_supported(self):
        return True

    def begin_auth(self, username):
        return True

    def validate_password(self, username, password):
        return (username, password) == ("district", "correct horse")


class Folder(asyncssh.SFTPServer):
    def __init__(self, channel):
        self.names = {}
        super().__init__(channel, chroot=FOLDER)

    def open(self, path, pflags, attrs):
        file_obj = super().open(path, pflags, attrs)
        self.names[file_obj] = path.rsplit(b"/", 1)[-1]
        return file_obj

    async def read(self, file_obj, offset, size):
        name = self.names[file_obj]
        if name.startswith(b"cut") and offset > 64 * 1024:
            self.connection.abort()
        if name.startswith(b"slow"):
            print(name.decode(), offset, flush=True)
            await asyncio.sleep(1)
        return super().read(file_obj, offset, size)


async def main():
    await asyncssh.listen("127.0.0.1", PORT, server_factory=PasswordServer, server_host_keys=[HOST_KEY], sftp_factory=Folder)
    await asyncio.Event().wait()


asyncio.run(main())
