"""SFTP and FTP servers for tests, each in a process of its own: ``python store_servers.py sftp|ftp|old-ftp PORT FOLDER``.

The user is ``user`` with the password ``secret``; on SFTP also with the key of ``FOLDER/../key.pub``. The server's root is FOLDER.
"""

import asyncio
import logging
import os
import sys
import warnings
from pathlib import Path
from typing import ClassVar

import asyncssh

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the library looks for modules of the standard library that are going away
    from pyftpdlib.authorizers import DummyAuthorizer  # type: ignore[import-untyped]  # it has none
    from pyftpdlib.handlers import FTPHandler  # type: ignore[import-untyped]  # it has none
    from pyftpdlib.servers import FTPServer  # type: ignore[import-untyped]  # it has none

USER, PASSWORD = "user", "secret"


class _Doorman(asyncssh.SSHServer):
    """Lets the one user in."""

    def password_auth_supported(self) -> bool:
        """Say that passwords are taken."""
        return True

    def validate_password(self, username: str, password: str) -> bool:
        """Check a password."""
        return (username, password) == (USER, PASSWORD)


async def _sftp(port: int, folder: Path) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    (folder.parent / "fingerprint").write_text(key.get_fingerprint(), encoding="ascii")
    root = os.fsencode(folder)
    await asyncssh.listen(
        "127.0.0.1",
        port,
        server_host_keys=[key],
        server_factory=_Doorman,
        authorized_client_keys=str(folder.parent / "key.pub"),
        sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=root),
    )
    await asyncio.Event().wait()


class _Ftp(FTPHandler):  # type: ignore[misc]  # the library has no types
    """A server of today: it knows MLSD and MLST."""

    auth_failed_timeout = 0


class _OldFtp(FTPHandler):  # type: ignore[misc]  # the library has no types
    """A server of yesterday: it lists names, and tells size and date of each."""

    auth_failed_timeout = 0
    proto_cmds: ClassVar = {name: what for name, what in FTPHandler.proto_cmds.items() if name not in {"MLSD", "MLST"}}


def _ftp(port: int, folder: Path, handler: type[FTPHandler]) -> None:
    # Its standard output is nobody's; its log would be.
    logging.disable()
    handler.authorizer = DummyAuthorizer()
    handler.authorizer.add_user(USER, PASSWORD, str(folder), perm="elr")
    FTPServer(("127.0.0.1", port), handler).serve_forever()


if __name__ == "__main__":
    kind, chosen, place = sys.argv[1:]
    if kind == "sftp":
        asyncio.run(_sftp(int(chosen), Path(place)))
    else:
        _ftp(int(chosen), Path(place), _Ftp if kind == "ftp" else _OldFtp)
