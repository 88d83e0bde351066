"""The user a server of ours runs as when we are root, because PostgreSQL refuses to run as root.

May assume Linux with access control lists where it is root. Promises: an ordinary user needs none of this; directories
above the data and the binaries are opened to that one user for passing through, and to nobody else.
"""

from __future__ import annotations

import os
import pwd
import stat
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

from app.errors import ConfigError

NAME = "quietwatch"
_ACL = "system.posix_acl_access"
_USER_OBJ, _USER, _GROUP_OBJ, _MASK, _OTHER = 0x01, 0x02, 0x04, 0x10, 0x20
_NOBODY = 0xFFFFFFFF  # the id of an entry that has none


@dataclass(frozen=True, slots=True)
class SystemUser:
    """A user of the machine, by number."""

    name: str
    uid: int
    gid: int


def needed_user(*paths: Path) -> SystemUser | None:
    """The user to run as, able to reach ``paths``; None where we are no root and run as ourselves.

    Raises ConfigError where no such user can be made or a directory cannot be opened to it.
    """
    if os.geteuid() != 0:
        return None
    user = _find_or_make()
    for path in paths:
        for directory in (path, *path.parents):
            _let_pass(directory, user)
    return user


def _find_or_make() -> SystemUser:
    try:
        entry = pwd.getpwnam(NAME)
    except KeyError:
        _make()
        entry = pwd.getpwnam(NAME)
    if entry.pw_uid == 0:
        raise ConfigError(f"the user {NAME} is root", hint="give it a number of its own")
    return SystemUser(NAME, entry.pw_uid, entry.pw_gid)


def _make() -> None:
    command = ["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", NAME]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - fixed words
    except OSError as error:
        raise _cannot_make(str(error)) from error
    if done.returncode not in (0, 9):  # 9: another process made it meanwhile
        raise _cannot_make(done.stderr.strip())


def _cannot_make(reason: str) -> ConfigError:
    return ConfigError(
        f"PostgreSQL does not run as root and the user {NAME} cannot be made: {reason}",
        hint="run as an ordinary user, or name a server with QUIETWATCH_DATABASE_URL",
    )


def _let_pass(directory: Path, user: SystemUser) -> None:
    found = directory.stat()
    owner = found.st_uid == user.uid and found.st_mode & stat.S_IXUSR
    if owner or found.st_mode & stat.S_IXOTH:
        return
    try:
        before = _read_acl(directory)
        acl = with_passage(before, found.st_mode, user.uid)
        if acl != before:
            os.setxattr(directory, _ACL, acl)
    except (OSError, AttributeError) as error:
        raise ConfigError(
            f"the user {NAME}, as whom PostgreSQL runs, cannot enter {directory}",
            field="data_dir",
            hint="choose another directory, or run as an ordinary user",
        ) from error


def _read_acl(directory: Path) -> bytes:
    try:
        return os.getxattr(directory, _ACL)
    except OSError:
        return b""


def with_passage(acl: bytes, mode: int, uid: int) -> bytes:
    """The access control list (Linux xattr form, version 2) with leave for ``uid`` to pass through the directory.

    An empty ``acl`` stands for the one that ``mode`` means. Rights of others stay as they are: what a named user or a
    group may do is cut by the mask, which grows by passing only.
    """
    entries = {(tag, number): rights for tag, rights, number in struct.iter_unpack("<HHI", acl[4:])}
    if not entries:
        entries = {
            (_USER_OBJ, _NOBODY): mode >> 6 & 7,
            (_GROUP_OBJ, _NOBODY): mode >> 3 & 7,
            (_OTHER, _NOBODY): mode & 7,
        }
    mask = entries.get((_MASK, _NOBODY), entries[_GROUP_OBJ, _NOBODY])
    for key in entries:
        if key[0] not in (_USER_OBJ, _OTHER, _MASK):
            entries[key] &= mask
    entries[_USER, uid] = entries.get((_USER, uid), 0) | 1
    entries[_MASK, _NOBODY] = mask | 1
    packed = (struct.pack("<HHI", tag, rights, number) for (tag, number), rights in sorted(entries.items()))
    return struct.pack("<I", 2) + b"".join(packed)
