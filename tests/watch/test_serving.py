"""What the server gives, to whom, and what it refuses; asked over real sockets, mostly with Python's own client."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import threading
from urllib.parse import urlsplit

import pytest

from stemtasks.watch import serving
from stemtasks.watch.board import Board

SOUND = bytes(range(256)) * 4096
REPORT = (
    "<!DOCTYPE html>\n<html><head>"
    '<meta http-equiv="Content-Security-Policy" content="script-src \'unsafe-inline\'"></head>\n'
    "<body><main>\n<h1>Song</h1></main>\n<script>1</script></body></html>\n"
)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    with contextlib.chdir(folder):
        for path, content in {
            "build/song/report.html": REPORT.encode(),
            "build/song/master.wav": SOUND,
            "build/song/empty.wav": b"",
            "build/song/a b%.wav": b"odd name",
            "build/.stemtasks/records.db": b"secret",
            "build/.stemtasks/builds/song.html": REPORT.encode(),
            "build/.stemtasks/builds/.hidden": b"secret",
            "build/song/.hidden": b"secret",
            "spec/song.toml": b"secret",
            "spec/other.toml": b"secret",
            "outside/secret.wav": b"secret",
        }.items():
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(content)
        os.symlink("../../outside/secret.wav", "build/song/link.wav")
        os.symlink("../outside", "build/linked")
        os.symlink("../records.db", "build/.stemtasks/builds/link.html")
        os.mkfifo("build/song/pipe.wav")
        made = serving.Server(Board(), 0)
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield made
        made.shutdown()
        thread.join()
        made.server_close()


def ask(server, path, method="GET", *, token=None, body=None, **headers):
    """Return the answer to one request, below the token unless another is given, with its body read."""
    connection = http.client.HTTPConnection(*server.server_address, timeout=10)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    begin = f"/{server.token}/" if token is None else token
    connection.request(method, begin + path, body=body, headers=named)
    answer = connection.getresponse()
    answer.body = answer.read()
    connection.close()
    return answer


def raw(server, data, wait=5.0):
    """Return all that the server says to some bytes, until it closes the connection."""
    with socket.create_connection(server.server_address, timeout=wait) as connection:
        connection.sendall(data)
        said = b""
        with contextlib.suppress(ConnectionResetError):
            while part := connection.recv(1 << 16):
                said += part
    return said


def test_the_address_leads_to_the_songs_also_to_those_that_are_not_built(server):
    assert urlsplit(server.address).hostname == "127.0.0.1"
    page = ask(server, "").body.decode()
    assert 'href="song/report.html"' in page
    assert 'href="other/report.html"' in page
    assert b"not built yet" in ask(server, "other/report.html").body
    assert ask(server, "none/report.html").status == 404


def test_a_report_is_served_as_it_is_with_what_keeps_it_up_to_date(server):
    answer = ask(server, "song/report.html")
    page = answer.body.decode()
    assert "content=\"script-src 'unsafe-inline'; connect-src 'self'\">" in page
    before, ours, after = page.partition("<style>\n#watch")
    assert (before + after.partition("</script>\n")[2]).replace("; connect-src 'self'", "") == REPORT
    assert ours
    assert answer.headers["Cache-Control"] == "no-store"


def test_what_the_last_build_changed_is_served_as_it_is(server):
    answer = ask(server, ".stemtasks/builds/song.html")
    assert answer.body.decode() == REPORT
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"


def test_a_list_of_songs_that_a_build_made_takes_the_place_of_ours(server):
    with open("build/index.html", "w", encoding="utf-8") as file:
        file.write(REPORT.replace("Song", "Album"))
    try:
        assert b"<h1>Album</h1>" in ask(server, "").body
        assert b"<h1>Album</h1>" in ask(server, "index.html").body
    finally:
        os.unlink("build/index.html")


@pytest.mark.parametrize(
    "token", ["/", "//", "/x/", "/{0}", "/{0}x/", "/x{0}/", "/{1}/", "http://127.0.0.1/{0}/", "{0}/"]
)
def test_without_the_token_there_is_nothing(server, token):
    token = token.format(server.token, server.token[:-1])
    answer = ask(server, "" if token.endswith(server.token) else "song/master.wav", token=token)
    assert answer.status == 403
    assert len(answer.body) < 100


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:{port}"},
        {"Host": "localhost:{port}"},
        {"Host": "127.0.0.1"},
        {"Host": "127.0.0.1:{port}.evil.example"},
        {"Host": ""},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1"},
        {"Origin": "https://127.0.0.1:{port}"},
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_another_host_or_origin_is_refused_also_with_the_token(server, headers, method):
    port = server.server_address[1]
    headers = {name: value.format(port=port) for name, value in headers.items()}
    assert ask(server, "song/master.wav", method, **headers).status == 403


def test_two_hosts_or_none_are_refused(server):
    path = f"/{server.token}/song/master.wav"
    host = f"Host: {server.host}\r\n"
    assert raw(server, f"GET {path} HTTP/1.1\r\n{host}Host: evil.example\r\n\r\n".encode()).startswith(b"HTTP/1.1 403")
    assert raw(server, f"GET {path} HTTP/1.1\r\n\r\n".encode()).startswith(b"HTTP/1.1 403")
    assert SOUND[:64] not in raw(server, f"GET {path}\r\n\r\n".encode())


def test_our_own_origin_is_let_in(server):
    assert ask(server, ".state", Origin=f"http://{server.host}").status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "BREW"])
def test_nothing_but_reading_is_answered(server, method):
    assert ask(server, "song/master.wav", method).status in (405, 501)


@pytest.mark.parametrize(
    "path",
    [
        "../spec/song.toml",
        "song/../../spec/song.toml",
        "%2e%2e/spec/song.toml",
        "..%2fspec%2fsong.toml",
        "song/..%2f..%2fspec/song.toml",
        "song%2fmaster.wav",
        "song/%252e%252e/master.wav",
        "..\\spec\\song.toml",
        "%5c..%5cspec",
        "./song/master.wav",
        "song//master.wav",
        "/etc/passwd",
        "//etc/passwd",
        "%2fetc%2fpasswd",
        "song/master.wav%00.html",
        "song/link.wav",
        "linked/secret.wav",
        "linked/report.html",
        ".stemtasks/records.db",
        "%2estemtasks/records.db",
        "song/.hidden",
        "song/.state/x",
        "song/pipe.wav",
        "song",
        "song/",
        "song/missing.wav",
        "%ff%fe",
        "x" * 5000,
        "../.state",
        "%2e%2e/.state",
        ".stemtasks/.state",
        ".stemtasks/builds/.state",
        ".stemtasks/builds/.hidden",
        ".stemtasks/builds/link.html",
        ".stemtasks/builds/missing.html",
        ".stemtasks/builds/",
        ".stemtasks/builds/../records.db",
        ".stemtasks/builds/..",
        "song/.stemtasks/builds/song.html",
        "a/b/.state",
    ],
)
def test_nothing_outside_of_build_or_of_its_state_is_read(server, path):
    answer = ask(server, path)
    assert answer.status == 404, answer.body
    assert b"secret" not in answer.body


def test_a_name_may_have_any_character(server):
    assert ask(server, "song/a%20b%25.wav").body == b"odd name"


def test_a_part_of_a_file_is_what_was_asked_for(server):
    for asked, start, end in [
        ("bytes=0-0", 0, 1),
        ("bytes=100-199", 100, 200),
        ("bytes=-100", len(SOUND) - 100, len(SOUND)),
        (f"bytes={len(SOUND) - 5}-", len(SOUND) - 5, len(SOUND)),
        (f"bytes={len(SOUND) - 5}-{len(SOUND) + 5}", len(SOUND) - 5, len(SOUND)),
    ]:
        answer = ask(server, "song/master.wav", Range=asked)
        assert answer.status == 206
        assert answer.headers["Content-Range"] == f"bytes {start}-{end - 1}/{len(SOUND)}"
        assert answer.body == SOUND[start:end]
        assert answer.headers["Content-Type"] == "audio/wav"


def test_an_open_end_is_answered_in_parts_that_together_are_the_file(server):
    whole = b""
    while len(whole) < len(SOUND):
        answer = ask(server, "song/master.wav", Range=f"bytes={len(whole)}-")
        assert 0 < len(answer.body) <= serving.PART_BYTES
        whole += answer.body
    assert whole == SOUND


def test_a_part_that_is_not_there_is_refused_and_one_that_is_no_part_is_the_whole(server):
    for asked in (f"bytes={len(SOUND)}-", "bytes=200-100", "bytes=-0", "bytes=-"):
        answer = ask(server, "song/master.wav", Range=asked)
        assert (answer.status, answer.body) == (416, b"")
        assert answer.headers["Content-Range"] == f"bytes */{len(SOUND)}"
    for asked in ("bytes=0-1,3-4", "lines=0-1", "bytes=0x1-2", "bytes=" + "9" * 40 + "-"):
        assert ask(server, "song/master.wav", Range=asked).body == SOUND
    assert ask(server, "song/empty.wav").body == b""
    assert ask(server, "song/empty.wav", Range="bytes=0-").status == 416


def test_a_head_has_the_length_and_no_body(server):
    for path in ("", "song/report.html", "song/master.wav", "song/missing.wav"):
        answer = ask(server, path, "HEAD")
        assert answer.body == b""
        assert int(answer.headers["Content-Length"]) == len(ask(server, path).body)


def test_a_kept_copy_is_good_until_the_file_is_another(server):
    first = ask(server, "song/master.wav")
    tag = first.headers["ETag"]
    assert first.headers["Cache-Control"] == "no-cache"
    assert ask(server, "song/master.wav", If_None_Match=tag).status == 304
    with open("build/song/next", "wb") as file:
        file.write(SOUND[::-1])
    os.replace("build/song/next", "build/song/master.wav")
    try:
        second = ask(server, "song/master.wav", If_None_Match=tag)
        assert (second.status, second.body) == (200, SOUND[::-1])
        mixed = ask(server, "song/master.wav", Range="bytes=9-", If_Range=tag)
        assert (mixed.status, mixed.body) == (200, SOUND[::-1]), "a part of another file is not what it began with"
    finally:
        with open("build/song/master.wav", "wb") as file:
            file.write(SOUND)


def test_what_a_build_takes_away_is_there_until_it_is_made_anew_and_no_longer(server):
    os.rename("build/song/master.wav", "build/away")
    try:
        assert ask(server, "song/master.wav").status == 404
        os.rename("build/away", "build/song/master.wav")
        tag = ask(server, "song/master.wav").headers["ETag"]
        server.board.begin()
        os.rename("build/song/master.wav", "build/away")
        kept = ask(server, "song/master.wav", Range="bytes=7-9")
        assert (kept.status, kept.body, kept.headers["ETag"]) == (206, SOUND[7:10], tag)
        server.board.stopped()
        assert ask(server, "song/master.wav").status == 404
        server.board.begin()
        assert ask(server, "song/master.wav").status == 404
    finally:
        server.board.stopped()
        os.rename("build/away", "build/song/master.wav")


def test_no_page_of_another_site_may_read_show_or_learn_the_address(server):
    for path in ("", "song/report.html", "song/master.wav", ".state", "song/missing.wav"):
        headers = ask(server, path).headers
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert "Access-Control-Allow-Origin" not in headers


def test_a_page_that_somebody_put_there_runs_nothing(server):
    with open("build/song/evil.html", "w", encoding="utf-8") as file:
        file.write("<script>1</script>")
    assert "default-src 'none'" in ask(server, "song/evil.html").headers["Content-Security-Policy"]


def test_a_request_with_a_body_or_lines_without_end_is_not_answered(server):
    assert ask(server, "song/master.wav", body=b"GET / HTTP/1.1\r\n\r\n").status == 400
    begin = f"GET /{server.token}/ HTTP/1.1\r\nHost: {server.host}\r\nX: ".encode()
    assert raw(server, begin + b"x" * serving.MOST_HEAD_BYTES * 2) == b""
    assert raw(server, b"\x16\x03\x01\x02\x00" * 10 + b"\r\n\r\n").count(b"HTTP") <= 1


def test_a_request_that_comes_in_drops_is_given_up(server, monkeypatch):
    monkeypatch.setattr(serving, "HEAD_S", 0.2)
    assert raw(server, f"GET /{server.token}/ HTTP/1.1\r\n".encode()) == b""


def test_those_who_only_wait_leave_room_for_the_others_to_be_told(server):
    with contextlib.ExitStack() as waiting:
        for _ in range(serving.MOST_CONNECTIONS + 5):
            waiting.enter_context(socket.create_connection(server.server_address, timeout=5))
        late = waiting.enter_context(socket.create_connection(server.server_address, timeout=5))
        assert late.recv(1) == b"", "one connection more than there may be is closed"
    for _ in range(100):
        with contextlib.suppress(OSError, http.client.HTTPException):
            assert ask(server, ".state").status == 200
            break
    else:
        pytest.fail("the server does not answer any more")


def test_connections_are_kept_for_the_next_request(server):
    connection = http.client.HTTPConnection(*server.server_address, timeout=10)
    for _ in range(3):
        connection.request("GET", f"/{server.token}/song/.state")
        told = json.loads(connection.getresponse().read())
    connection.close()
    assert told["building"] is False
    assert told["wrong"] == []
    assert {"report.html", "master.wav"} <= set(told["files"])
    assert not any(name.startswith(".") for name in told["files"])


def test_a_state_says_what_is_wrong_with_its_own_song_and_with_all(server):
    server.board.loaded([["song", "spec/song.toml: song: unknown"], ["other", "spec/other.toml: x"]])
    try:
        assert [each["song"] for each in json.loads(ask(server, "song/.state").body)["wrong"]] == ["song"]
        assert len(json.loads(ask(server, ".state").body)["wrong"]) == 2
    finally:
        server.board.loaded([])
    server.board.end(3, "Traceback ...\nSyntaxError: x\n")
    assert "SyntaxError" in json.loads(ask(server, "song/.state").body)["wrong"][0]["said"]
    server.board.loaded([])
