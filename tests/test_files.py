"""Files that are read with limits, and new ones that get their names when finished; nobody else's file is touched."""

import errno
import io
import os
import re
import socket
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fastinit import files

on_posix = pytest.mark.skipif(os.name == "nt", reason="files of this kind")


# ---- Reading ---------------------------------------------------------------------------------------------------------


def test_file_up_to_the_limit_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"12345")
    assert files.read_regular(path, 5, "a rules file") == b"12345"
    with pytest.raises(ValueError, match=re.escape("more than 1,234 bytes; a rules file may have 1,234")):
        files.read_all(io.BytesIO(bytes(1235)), 1234, "a rules file")
    assert files.read_all(Slow([b"12", b"34", b""]), 4, "a rules file") == b"1234"  # type: ignore[arg-type]
    with pytest.raises(OSError, match="it does not wait for what is still to come"):
        files.read_all(Slow([b"12", None]), 4, "a rules file")  # type: ignore[arg-type]
    with pytest.raises(FileNotFoundError):
        files.read_regular(tmp_path / "none", 5, "a rules file")


class Slow:
    """A stream whose content comes in pieces, or, None, not yet."""

    def __init__(self, pieces: list[bytes | None]) -> None:
        self.pieces = iter(pieces)

    def read(self, _: int) -> bytes | None:
        return next(self.pieces)


@pytest.fixture(params=["a pipe", "a socket", "a device", "a folder"])
def special(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, str]:
    """What is no regular file, and its kind."""
    path = tmp_path / "special"
    if os.name == "nt" and request.param != "a folder":
        pytest.skip("files of this kind")
    if request.param == "a pipe":
        os.mkfifo(path)
    elif request.param == "a socket":
        with socket.socket(socket.AF_UNIX) as bound:
            before = Path.cwd()
            os.chdir(tmp_path)  # a socket's path is short
            bound.bind("special")
            os.chdir(before)
    elif request.param == "a device":
        path.symlink_to(os.devnull)  # an error of the code would replace the link
    else:
        path.mkdir()
    return path, request.param


def test_what_is_no_regular_file_is_neither_read_nor_replaced(tmp_path: Path, special: tuple[Path, str]) -> None:
    path, kind = special
    before = path.lstat()
    with pytest.raises(OSError, match=re.escape(f"cannot read {path}: it is {kind}; accepted is a regular file")):
        files.read_regular(path, 5, "a rules file")
    for replace in (False, True):
        with pytest.raises(OSError, match=re.escape(f"cannot write {path}: it is {kind}")):
            files.check_target(path, replace)
    with pytest.raises(OSError, match=f"it is {kind}"):
        files.write(path, "new")
    assert path.lstat().st_mode == before.st_mode
    link = tmp_path / "link"  # as /dev/stdout
    link.symlink_to(path)
    with pytest.raises(OSError, match=f"it is {kind}"):
        files.write(link, "new")
    assert link.is_symlink()


@on_posix
def test_file_that_becomes_a_pipe_before_it_is_opened_does_not_hang(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    path.touch()
    before = os.stat(path)
    path.unlink()
    os.mkfifo(path)
    monkeypatch.setattr(os, "stat", lambda _: before)
    with pytest.raises(OSError, match="it is a pipe"):
        files.read_regular(path, 5, "a rules file")


# ---- Writing ---------------------------------------------------------------------------------------------------------


def write(path: Path, content: str, replace: bool) -> None:
    """A new file, in the steps of a caller."""
    with files.new_files([path], replace=replace) as (new,), new.open() as file:
        file.write(content.encode())


def test_new_file_has_its_name_when_it_is_finished(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with files.new_files([path], replace=False) as (new,):
        assert new.path.parent == tmp_path
        assert re.fullmatch(r"a\.[0-9a-f]{16}\.partial", new.path.name)
        assert not path.exists()
        with new.open() as file:
            file.write(b"whole")
    assert path.read_text() == "whole"
    assert os.listdir(tmp_path) == ["a"]


def test_long_name_leaves_room_for_what_is_added_to_it(tmp_path: Path) -> None:
    for name in ("a" * 255, "表" * 85):
        write(tmp_path / name, "whole", False)
        assert (tmp_path / name).read_text() == "whole"


@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_after_an_error_nothing_is_left_and_the_old_file_stays(
    tmp_path: Path, error: type[BaseException], replace: bool
) -> None:
    path = tmp_path / "a"
    path.write_text("old")
    with pytest.raises(error), files.new_files([path, tmp_path / "b"], replace=replace):
        raise error
    assert os.listdir(tmp_path) == ["a"]
    assert path.read_text() == "old"


def test_file_that_is_there_is_replaced_only_if_that_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("old")
    with pytest.raises(FileExistsError, match=re.escape(f"cannot write {path}: it exists; --force")):
        write(path, "new", False)
    assert path.read_text() == "old"
    write(path, "new", True)
    files.write(tmp_path / "b", b"bytes")
    files.write(tmp_path / "b", "text, längs")
    assert path.read_text() == "new"
    assert (tmp_path / "b").read_text(encoding="utf-8") == "text, längs"
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]


@pytest.mark.parametrize("kind", ["file", "link", "pipe", "folder"])
@pytest.mark.parametrize("replace", [False, True])
@on_posix
def test_what_appears_by_the_targets_name_meanwhile_stays(tmp_path: Path, kind: str, replace: bool) -> None:
    path = tmp_path / "a"
    appear: dict[str, Callable[[], object]] = {
        "file": lambda: path.write_text("theirs"),
        "link": lambda: path.symlink_to("nowhere"),
        "pipe": lambda: os.mkfifo(path),
        "folder": path.mkdir,
    }

    def run() -> None:
        with files.new_files([tmp_path / "first", path], replace=replace):
            appear[kind]()

    if replace and kind in ("file", "link"):
        run()
        assert sorted(os.listdir(tmp_path)) == ["a", "first"]
        return
    with pytest.raises(OSError, match=re.escape(f"cannot write {path}: it ")):
        run()
    assert os.listdir(tmp_path) == ["a"]
    if kind == "file":
        assert path.read_text() == "theirs"


@on_posix
@pytest.mark.parametrize("links", [True, False], ids=["by links", "on a file system without links"])
def test_what_appears_at_the_last_moment_stays_and_the_other_files_are_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    def no_links(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    if not links:
        monkeypatch.setattr(os, "link", no_links)
    targets = [tmp_path / "a", tmp_path / "b", tmp_path / "c"]

    def appears(path: Path, target: Path, rename: Callable[[Path, Path], None] = files._rename_to_new) -> None:
        if target.name == "b":
            target.write_text("theirs")
        rename(path, target)

    monkeypatch.setattr(files, "_rename_to_new", appears)
    complaint = re.escape(f"cannot write {targets[1]}: it exists")
    with pytest.raises(FileExistsError, match=complaint), files.new_files(targets, replace=False):
        pass
    assert os.listdir(tmp_path) == ["b"]
    assert targets[1].read_text() == "theirs"
    targets[1].unlink()
    monkeypatch.undo()
    if not links:
        monkeypatch.setattr(os, "link", no_links)
    write(targets[0], "whole", False)
    assert targets[0].read_text() == "whole"
    assert os.listdir(tmp_path) == ["a"]


@on_posix
@pytest.mark.parametrize("error", [OSError(errno.EIO, "Input/output error"), KeyboardInterrupt()])
def test_file_system_without_links_leaves_no_empty_file_after_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def no_links(*_: object) -> None:
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    def failing(*_: object) -> None:
        raise error

    monkeypatch.setattr(os, "link", no_links)
    monkeypatch.setattr(os, "replace", failing)
    said = f"cannot write {re.escape(str(tmp_path / 'a'))}: Input" if error.args else None
    with pytest.raises(type(error), match=said):
        write(tmp_path / "a", "whole", False)
    assert os.listdir(tmp_path) == []


@on_posix
def test_nothing_is_opened_that_is_there_already(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files.secrets, "token_hex", lambda _: "0123456789abcdef")
    precious, planted = tmp_path / "precious", tmp_path / "a.0123456789abcdef.partial"
    precious.write_text("precious")
    for plant in (planted.hardlink_to, planted.symlink_to):
        plant(precious)
        with pytest.raises(FileExistsError, match=re.escape(f"cannot write {tmp_path / 'a'}: File exists")):
            write(tmp_path / "a", "new", True)
        assert sorted(os.listdir(tmp_path)) == [planted.name, "precious"]
        planted.unlink()
    assert precious.read_text() == "precious"


@on_posix
def test_file_that_takes_the_unfinished_ones_place_is_not_written(tmp_path: Path) -> None:
    def run() -> None:
        with files.new_files([tmp_path / "a"], replace=False) as (new,):
            theirs = tmp_path / "theirs"
            theirs.write_text("theirs")
            theirs.replace(new.path)
            with new.open() as file:
                file.write(b"new")

    with pytest.raises(OSError, match="another file took its place"):
        run()
    (left,) = tmp_path.iterdir()  # by the name of the unfinished one
    assert left.read_text() == "theirs"


@pytest.mark.parametrize("size", [0, 4, 6])
def test_file_of_another_size_than_it_is_to_have_does_not_get_its_name(tmp_path: Path, size: int) -> None:
    def run() -> None:
        with files.new_files([tmp_path / "a", tmp_path / "b"], replace=False) as (_, new):
            with new.open() as file:
                file.write(b"whole")
            new.size = 5
            os.truncate(new.path, size)  # by another process

    with pytest.raises(OSError, match=re.escape(f"cannot write {tmp_path / 'b'}: another process has cut it off")):
        run()
    assert os.listdir(tmp_path) == []


@on_posix
def test_permissions_are_those_of_the_file_that_is_replaced_or_of_any_new_one(tmp_path: Path) -> None:
    path = tmp_path / "a"
    for mask, mode in ((0o022, 0o644), (0o077, 0o600), (0o002, 0o664)):
        before = os.umask(mask)
        try:
            with files.new_files([path], replace=False) as (new,):
                assert stat.S_IMODE(new.path.stat().st_mode) == 0o600  # nobody else's until it is finished
        finally:
            os.umask(before)
        assert stat.S_IMODE(path.stat().st_mode) == mode
        path.unlink()
    for mode in (0o600, 0o640, 0o444, 0o755, 0o4755):
        path.touch()
        path.chmod(mode)
        write(path, "new", True)
        assert stat.S_IMODE(path.stat().st_mode) == mode & 0o777
        path.unlink()


@on_posix
def test_link_is_replaced_and_what_it_leads_to_stays(tmp_path: Path) -> None:
    path, elsewhere = tmp_path / "a", tmp_path / "elsewhere"
    elsewhere.write_text("theirs")
    elsewhere.chmod(0o600)
    path.symlink_to(elsewhere)
    write(path, "new", True)
    assert not path.is_symlink()
    assert elsewhere.read_text() == "theirs"


@pytest.mark.parametrize("name", ["", ".", "..", "folder", "missing/a", "file/a"])
def test_name_that_no_file_can_have_is_refused(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=re.escape(f"cannot write {Path(name)}: ")):
        files.check_target(Path(name), replace=True)
    with pytest.raises(OSError, match=re.escape(f"cannot write {Path(name)}: ")):
        files.write(Path(name), "new")
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


def test_systems_without_locks_folders_to_open_or_permissions_write_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if files.fcntl is not None:

        def unsupported(*_: object) -> None:
            raise OSError(errno.ENOLCK, "No locks available")

        monkeypatch.setattr(files.fcntl, "flock", unsupported)
        write(tmp_path / "a", "whole", True)
    monkeypatch.setattr(files, "fcntl", None)
    monkeypatch.delattr(os, "O_DIRECTORY", raising=False)
    monkeypatch.delattr(os, "fchmod", raising=False)
    write(tmp_path / "a", "again", True)
    write(tmp_path / "b", "whole", False)
    assert (tmp_path / "a").read_text() + (tmp_path / "b").read_text() == "againwhole"
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]


@on_posix
@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize(
    ("error", "after"),
    [(OSError(errno.EIO, "an error"), False), (KeyboardInterrupt(), False), (KeyboardInterrupt(), True)],
)
def test_error_at_any_step_of_naming_several_files_leaves_all_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, replace: bool, error: BaseException, after: bool
) -> None:
    targets = [tmp_path / name for name in ("a", "b", "index")]
    before = dict.fromkeys(("a", "index"), "old") if replace else {}  # b is new
    calls, fails_at = 0, 0

    def failing(rename: Callable[[Path, Path], None]) -> Callable[[Path, Path], None]:
        def call(path: Path, target: Path) -> None:
            nonlocal calls
            calls += 1
            fails = calls == fails_at
            try:
                if after or not fails:
                    rename(path, target)
            finally:
                if fails:
                    raise error

        return call

    for step in ("_rename_old", "_rename_to_new"):
        monkeypatch.setattr(files, step, failing(getattr(files, step)))
    for attempt in range(1, 100):
        for path in tmp_path.iterdir():
            path.unlink()
        for name, text in before.items():
            (tmp_path / name).write_text(text)
        calls, fails_at = 0, attempt
        try:
            with files.new_files(targets, replace=replace):
                pass
        except type(error):
            assert {path.name: path.read_text() for path in tmp_path.iterdir()} == before
            continue
        break
    assert attempt == (6 if replace else 3) + 1
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == dict.fromkeys(("a", "b", "index"), "")


@on_posix
def test_old_last_file_is_gone_before_others_get_their_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    targets = [tmp_path / name for name in ("a", "b", "index")]
    for target in targets:
        target.write_text("old")

    def checked(path: Path, target: Path, rename: Callable[[Path, Path], None] = files._rename_to_new) -> None:
        assert not targets[-1].exists()
        rename(path, target)

    monkeypatch.setattr(files, "_rename_to_new", checked)
    with files.new_files(targets, replace=True):
        pass
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == dict.fromkeys(("a", "b", "index"), "")


@on_posix
def test_foreign_file_that_comes_between_is_kept_when_the_old_ones_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    targets = [tmp_path / name for name in ("a", "index")]
    for target in targets:
        target.write_text("old")

    def appears(path: Path, target: Path, rename: Callable[[Path, Path], None] = files._rename_to_new) -> None:
        if target.name == "a":
            target.write_text("theirs")
            monkeypatch.undo()
        rename(path, target)

    monkeypatch.setattr(files, "_rename_to_new", appears)
    with pytest.raises(FileExistsError, match="it exists"), files.new_files(targets, replace=True):
        pass
    assert targets[0].read_text() == "theirs"
    assert targets[1].read_text() == "old"
    (left,) = set(os.listdir(tmp_path)) - {"a", "index"}
    assert re.fullmatch(r"a\.[0-9a-f]{16}\.old", left)


@on_posix
def test_content_is_on_the_disk_before_the_name_and_the_name_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []

    def recorded(descriptor: int, sync: Callable[[int], None] = os.fsync) -> None:
        folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        steps.append("folder" if folder else "file")
        sync(descriptor)

    def linked(path: Path, target: Path, link: Callable[[Path, Path], None] = os.link) -> None:
        steps.append("name")
        link(path, target)

    monkeypatch.setattr(os, "fsync", recorded)
    monkeypatch.setattr(os, "link", linked)
    with files.new_files([tmp_path / "a", tmp_path / "b"], replace=False):
        pass
    assert steps == ["file", "file", "name", "folder", "name", "folder"]


@pytest.mark.skipif(files.fcntl is None, reason="locks of this kind")
def test_lock_on_the_folder_is_waited_for_but_not_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    holder = os.open(tmp_path, os.O_RDONLY)
    waits: list[float] = []
    monkeypatch.setattr(files.time, "sleep", waits.append)
    write(tmp_path / "a", "whole", False)
    assert waits == []
    files.fcntl.flock(holder, files.fcntl.LOCK_EX)
    write(tmp_path / "b", "whole", False)
    assert sum(waits) == pytest.approx(files.LOCK_WAIT)
    os.close(holder)
    with files._locked_folder(tmp_path):
        other = os.open(tmp_path, os.O_RDONLY)
        with pytest.raises(BlockingIOError):
            files.fcntl.flock(other, files.fcntl.LOCK_EX | files.fcntl.LOCK_NB)
        os.close(other)


@on_posix
def test_folder_that_cannot_be_opened_or_synchronised_is_written_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(path: object, flags: int, *mode: int, open_: Callable[..., int] = os.open) -> int:
        if flags & os.O_DIRECTORY:
            raise PermissionError(errno.EACCES, "Permission denied")
        return open_(path, flags, *mode)

    def unsupported(descriptor: int, sync: Callable[[int], None] = os.fsync) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", unsupported)
    write(tmp_path / "a", "whole", False)
    monkeypatch.setattr(os, "open", forbidden)
    write(tmp_path / "b", "whole", False)
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]


def test_unfinished_file_that_cannot_be_removed_hides_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stuck(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "unlink", stuck)
    with pytest.raises(KeyboardInterrupt), files.new_files([tmp_path / "a", tmp_path / "b"], replace=False):
        raise KeyboardInterrupt


def test_folder_is_checked_and_left_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files.check_folder(tmp_path / "a")
    assert os.listdir(tmp_path) == []

    def full(*_: object) -> int:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(os, "open", full)
    with pytest.raises(OSError, match=re.escape(f"cannot write {tmp_path / 'a'}: Read-only file system")):
        files.check_folder(tmp_path / "a")


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux's /proc")
def test_no_file_stays_open(tmp_path: Path, special: tuple[Path, str]) -> None:
    before = os.listdir("/proc/self/fd")
    write(tmp_path / "a", "whole", False)
    with pytest.raises(FileExistsError):
        write(tmp_path / "a", "whole", False)
    for wrong in (lambda: files.read_regular(special[0], 5, "it"), lambda: files.read_regular(tmp_path / "a", 2, "it")):
        with pytest.raises((OSError, ValueError)):
            wrong()
    assert os.listdir("/proc/self/fd") == before
