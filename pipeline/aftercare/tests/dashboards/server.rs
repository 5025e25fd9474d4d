//! A ClickHouse with the tables, some rows, and the analyst's way in.

use std::io::{Read, Write};
use std::net::TcpStream;

use aftercare_clickhouse::{Config, DEFAULT_DATABASE, Store};
use aftercare_embedded::{ClickHouseOptions, ClickHouseServer, Engines};
use serde_json::Value;

pub(crate) struct Server {
    clickhouse: ClickHouseServer,
    _folder: tempfile::TempDir,
}

impl Server {
    /// Starts it, migrates, and runs these statements in one session.
    pub(crate) fn start(world: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let engines = Engines::find().unwrap_or_else(|error| panic!("{error}"));
        let options = ClickHouseOptions {
            child_exe: Some(env!("CARGO_BIN_EXE_aftercare").into()),
            ..ClickHouseOptions::new(folder.path())
        };
        let clickhouse = ClickHouseServer::start(&engines, options).unwrap();
        let config = Config::new(&clickhouse.http_url()).unwrap();
        let store = Store::connect(config.with_user(clickhouse.user(), clickhouse.password()));
        let runtime = tokio::runtime::Runtime::new().unwrap();
        assert!(runtime.block_on(store.migrate(true)).unwrap().is_clean());
        let server = Self { clickhouse, _folder: folder };
        let (user, password) = (server.clickhouse.user(), server.clickhouse.password());
        for statement in world.split(";\n").filter(|statement| !statement.trim().is_empty()) {
            server.ask(user, password, "session_id=world", statement).unwrap();
        }
        server
    }

    /// What the analyst gets: ClickHouse's JSON.
    pub(crate) fn analyst(&self, sql: &str) -> Value {
        let reply =
            self.ask_analyst(&format!("{sql}\nFORMAT JSON")).unwrap_or_else(|error| panic!("{sql}: {error}"));
        serde_json::from_str(&reply).unwrap()
    }

    pub(crate) fn ask_analyst(&self, sql: &str) -> Result<String, String> {
        self.ask(self.clickhouse.analyst_user(), self.clickhouse.analyst_password(), "", sql)
    }

    fn ask(&self, user: &str, password: &str, settings: &str, sql: &str) -> Result<String, String> {
        let url = self.clickhouse.http_url();
        let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
        // HTTP/1.0, so that the server ends the connection after the reply.
        write!(
            stream,
            "POST /?database={DEFAULT_DATABASE}&{settings} HTTP/1.0\r\nX-ClickHouse-User: {user}\r\n\
             X-ClickHouse-Key: {password}\r\nContent-Length: {}\r\n\r\n{sql}",
            sql.len()
        )
        .unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap();
        let (head, body) = reply.split_once("\r\n\r\n").unwrap();
        let good = head.split(' ').nth(1) == Some("200");
        if good { Ok(body.to_owned()) } else { Err(body.to_owned()) }
    }
}
