"""Odd ways to write a request that are right, and those in which two servers could differ."""

import socket

import pytest

from test_http import exchange, receive, statuses


@pytest.fixture
def node(shared):
    return shared


# How requests may be written.

@pytest.mark.parametrize("request_bytes", [
    b"GET /readyz HTTP/1.1\nHost: a\nConnection: close\n\n",
    b"GET /readyz HTTP/1.1\r\nHost: a\nConnection: close\r\n\n",
    b"GET /readyz HTTP/1.2\r\nHost: a\r\nConnection: close\r\n\r\n",
    b"GET /readyz HTTP/1.9\nHost: a\nConnection: close\n\n",
    b"GET /readyz HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n",
    b"GET https://a.example.com/readyz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    b"GET http://a.example.com/readyz?noleader HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
], ids=range(7))
def test_odd_but_right(node, request_bytes):
    assert statuses(exchange(node, request_bytes)) == [200]
    with node.connect() as connection:  # and byte by byte
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in request_bytes:
            connection.sendall(bytes([byte]))
        assert statuses(receive(connection)) == [200]


def test_bare_line_feeds_in_a_pipeline_change_no_body(node):
    sql = b'["SELECT \'a\\nb\'"]\n\n'
    request = b"POST /db/query HTTP/1.1\nHost: a\nContent-Length: %d\n\n%s" % (len(sql), sql)
    received = exchange(node, request * 3 + b"GET /readyz HTTP/1.1\nHost: a\nConnection: close\n\n")
    assert statuses(received) == [200] * 4
    assert received.count(rb'[["a\nb"]]') == 3


def test_an_absolute_target_may_have_no_path(node):
    received = exchange(node, b"GET http://a.example.com HTTP/1.1\r\nHost: a\r\n"
                              b"Connection: close\r\n\r\n")
    assert statuses(received) == [302]


def test_options_of_everything_has_no_headers_of_ours(node):
    received = exchange(node, b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n" * 2)
    assert received == b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" * 2


def test_a_failed_expectation_is_bare(node):
    received = exchange(node, b"POST /db/execute HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n"
                              b"Expect: a-miracle\r\n\r\n[]")
    assert received == (b"HTTP/1.1 417 Expectation Failed\r\nConnection: close\r\n"
                        b"Content-Length: 0\r\n\r\n")


# Two servers on the way must not see different requests in the same bytes.

HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /db/query HTTP/1.1\r\nHost: a\r\n"


@pytest.mark.parametrize("head", [
    b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: chunked\r\nContent-Length: 0\r\n",
    b"Content-Length: 0\r\nContent-Length: 40\r\n",
    b"Content-Length: 0, 40\r\n",
    b"Content-Length: +0\r\n",
    b"Content-Length: 0x0\r\n",
    b"Content-Length : 0\r\n",
    b"Content-Length\t: 0\r\n",
    b" Content-Length: 0\r\n",
    b"Content-Length:\x0b0\r\n",
    b"Transfer-Encoding : chunked\r\n",
    b"Transfer-Encoding: xchunked\r\n",
    b"Transfer-Encoding: chunked, identity\r\n",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
    b"Transfer-Encoding: identity\r\n",
    b"Transfer-Encoding:\r\n chunked\r\n",
    b"X: a\r\n b\r\n",
    b"Transfer-Encoding: \"chunked\"\r\n",
    b"X: a\rTransfer-Encoding: chunked\r\n",
    b"X: a\x00Transfer-Encoding: chunked\r\n",
])
def test_nothing_is_smuggled(node, head):
    received = exchange(node, POST + head + b"\r\n0\r\n\r\n" + HIDDEN)
    assert len(statuses(received)) == 1 and statuses(received)[0] in (400, 501), received
    assert b"Connection: close\r\n" in received


@pytest.mark.parametrize("chunks", [b"0\n\r\n", b"0x0\r\n\r\n", b" 0\r\n\r\n", b"-0\r\n\r\n",
                                    b"5\r\nhello0\r\n\r\n", b"ffffffffffffffffff\r\n"])
def test_a_chunk_that_makes_no_sense_ends_the_connection(node, chunks):
    received = exchange(node, POST + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + HIDDEN)
    assert b"404" not in received
    assert statuses(received) in ([], [400])
