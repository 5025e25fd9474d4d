//! Statements to the test's ClickHouse, for damage and for questions that no interface asks.

use std::io::{Read, Write};
use std::net::TcpStream;

use aftercare_clickhouse::DEFAULT_DATABASE;

use crate::support::Stack;

/// The reply to a statement, without the last line's end.
pub(crate) fn sql(stack: &Stack, statement: &str) -> String {
    let url = stack.clickhouse.http_url();
    let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
    let (user, password) = (stack.clickhouse.user(), stack.clickhouse.password());
    // HTTP/1.0, so that the server ends the connection after the reply.
    write!(
        stream,
        "POST /?database={DEFAULT_DATABASE} HTTP/1.0\r\nX-ClickHouse-User: {user}\r\nX-ClickHouse-Key: {password}\r\n\
         Content-Length: {}\r\n\r\n{statement}",
        statement.len()
    )
    .unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    let (head, body) = reply.split_once("\r\n\r\n").unwrap();
    assert!(head.split(' ').nth(1) == Some("200"), "{statement}: {body}");
    body.trim_end().to_owned()
}
