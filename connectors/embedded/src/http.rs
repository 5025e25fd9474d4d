//! As much of HTTP as it takes to send ClickHouse a statement: one that proves that it is up, one for the database.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::net;

const TIMEOUT: Duration = Duration::from_secs(10);
const REPLY_BYTES_MAX: u64 = 64 * 1024;

/// A reply: the status code, and the body as text, chunk marks and all.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// Sends a statement as the given user. Names and passwords are made here and need no escaping.
pub(crate) fn statement(port: u16, user: &str, password: &str, sql: &str) -> io::Result<Reply> {
    let length = sql.len();
    exchange(
        port,
        &format!(
            "POST / HTTP/1.0\r\nHost: 127.0.0.1\r\nX-ClickHouse-User: {user}\r\nX-ClickHouse-Key: {password}\r\n\
             Content-Length: {length}\r\n\r\n{sql}"
        ),
    )
}

// HTTP/1.0, so that the server ends the connection after the reply
fn exchange(port: u16, request: &str) -> io::Result<Reply> {
    let mut stream = TcpStream::connect_timeout(&net::loopback(port), TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    stream.write_all(request.as_bytes())?;
    let mut reply = Vec::new();
    stream.take(REPLY_BYTES_MAX).read_to_end(&mut reply)?;
    parse(&String::from_utf8_lossy(&reply)).ok_or_else(|| io::Error::other("not an HTTP reply"))
}

fn parse(reply: &str) -> Option<Reply> {
    let (head, body) = reply.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
    Some(Reply { status, body: body.trim_end().to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_a_status_and_a_body() {
        let reply = parse("HTTP/1.0 200 OK\r\nA: b\r\n\r\nOk.\n").unwrap();
        assert_eq!((reply.status, reply.body.as_str()), (200, "Ok."));
        assert!(parse("SSH-2.0-x\r\n\r\n").is_none());
        assert!(parse("HTTP/1.1 200 OK\r\n").is_none());
    }
}
