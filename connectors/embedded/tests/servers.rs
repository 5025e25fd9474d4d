//! The real engines, started, asked, crashed and started again. Needs `deploy/install` to have been run.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail anywhere, its helpers too")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use aftercare_embedded::{
    ClickHouseOptions, ClickHouseServer, EmbeddedError, Engines, KafkaOptions, KafkaServer,
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_embedded-engines");

fn engines() -> Engines {
    Engines::find().unwrap_or_else(|error| panic!("{error}"))
}

fn clickhouse_in(folder: &Path) -> Result<ClickHouseServer, EmbeddedError> {
    let options = ClickHouseOptions { child_exe: Some(PROGRAM.into()), ..ClickHouseOptions::new(folder) };
    ClickHouseServer::start(&engines(), options)
}

/// A statement over HTTP; the status code and the reply.
fn ask(url: &str, user: &str, password: &str, sql: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
    write!(
        stream,
        "POST / HTTP/1.0\r\nX-ClickHouse-User: {user}\r\nX-ClickHouse-Key: {password}\r\nContent-Length: {}\r\n\r\n{sql}",
        sql.len()
    )
    .unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    let (head, body) = reply.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.trim().to_owned())
}

fn ask_owner(server: &ClickHouseServer, sql: &str) -> (u16, String) {
    ask(&server.http_url(), server.user(), server.password(), sql)
}

fn done(server: &ClickHouseServer, sql: &str) -> String {
    let (status, reply) = ask_owner(server, sql);
    assert_eq!(status, 200, "{sql}: {reply}");
    reply
}

/// Whether a broker is there: it answers an ApiVersions request with the same correlation id and no error.
fn is_broker(address: &str) -> bool {
    let request: &[u8] = &[0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 77, 255, 255];
    let exchange = || -> std::io::Result<[u8; 10]> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(request)?;
        let mut reply = [0; 10];
        stream.read_exact(&mut reply)?;
        Ok(reply)
    };
    exchange().is_ok_and(|reply| reply[4..] == [0, 0, 0, 77, 0, 0])
}

/// Whether the process is gone. One that has ended but was not waited for is gone too: whoever inherits it may be slow.
fn is_gone(pid: u32) -> bool {
    match fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => stat.rsplit_once(") ").is_none_or(|(_, state)| state.starts_with(['Z', 'X'])),
        Err(_) => true,
    }
}

fn assert_gone_soon(pids: &[u32]) {
    let start = Instant::now();
    while !pids.iter().all(|pid| is_gone(*pid)) {
        assert!(start.elapsed() < Duration::from_secs(10), "of {pids:?} some still run");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn clickhouse_keeps_what_it_confirmed_and_each_user_to_its_rights() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = clickhouse_in(folder.path()).unwrap();
    done(&server, "CREATE TABLE aftercare.t (a UInt32) ENGINE = ReplacingMergeTree ORDER BY a");
    done(&server, "INSERT INTO aftercare.t VALUES (1)");

    let read = |sql: &str| ask(&server.http_url(), server.reader_user(), server.reader_password(), sql);
    assert_eq!(read("SELECT a FROM aftercare.t SETTINGS max_execution_time = 5"), (200, "1".to_owned()));
    for refused in [
        "INSERT INTO aftercare.t VALUES (2)",
        "DROP TABLE aftercare.t",
        "SELECT a FROM aftercare.t SETTINGS max_execution_time = 0",
        "SELECT a FROM aftercare.t SETTINGS max_memory_usage = 0",
        "SELECT count() FROM system.query_log",
        "SELECT * FROM file('users.xml', LineAsString)",
    ] {
        let (status, reply) = read(refused);
        assert_ne!(status, 200, "{refused}: {reply}");
    }
    done(
        &server,
        "CREATE VIEW aftercare.analyst_t DEFINER = CURRENT_USER SQL SECURITY DEFINER AS SELECT count() FROM aftercare.t",
    );
    let analyse = |sql: &str| ask(&server.http_url(), server.analyst_user(), server.analyst_password(), sql);
    assert_eq!(analyse("SELECT * FROM aftercare.analyst_t"), (200, "1".to_owned()));
    for refused in
        ["SELECT a FROM aftercare.t", "DROP VIEW aftercare.analyst_t", "SELECT count() FROM system.query_log"]
    {
        let (status, reply) = analyse(refused);
        assert_ne!(status, 200, "{refused}: {reply}");
    }
    let (status, _) = ask(&server.http_url(), "default", "", "SELECT * FROM aftercare.t");
    assert_ne!(status, 200);
    let (status, _) = ask(&server.http_url(), "aftercare", "wrong", "SELECT 1");
    assert_ne!(status, 200);

    for value in 2..=5 {
        done(&server, &format!("INSERT INTO aftercare.t VALUES ({value})"));
        let (url, pid) = (server.http_url(), server.pid());
        server.kill();
        assert!(is_gone(pid) && !server.is_running());
        server.restart().unwrap();
        assert_eq!(server.http_url(), url);
        assert_eq!(done(&server, "SELECT count() FROM aftercare.t"), value.to_string());
    }

    // on the same folder again: refused while it is in use, and the same rows and password after
    assert!(matches!(clickhouse_in(folder.path()), Err(EmbeddedError::FolderInUse { .. })));
    let (password, pid) = (server.password().to_owned(), server.pid());
    server.stop();
    assert!(is_gone(pid));
    let server = clickhouse_in(folder.path()).unwrap();
    assert_eq!(server.password(), password);
    assert_eq!(done(&server, "SELECT count() FROM aftercare.t"), "5");
}

#[test]
fn a_start_is_given_up_when_nobody_wants_it_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let stop = Arc::new(AtomicBool::new(true));
    let kafka = KafkaOptions { stop: Arc::clone(&stop), ..KafkaOptions::new(folder.path().join("kafka")) };
    assert!(matches!(KafkaServer::start(&engines(), kafka), Err(EmbeddedError::Stopped { engine: "Kafka" })));
    let clickhouse = ClickHouseOptions {
        child_exe: Some(PROGRAM.into()),
        stop: Arc::clone(&stop),
        ..ClickHouseOptions::new(folder.path().join("clickhouse"))
    };
    assert!(matches!(
        ClickHouseServer::start(&engines(), clickhouse),
        Err(EmbeddedError::Stopped { engine: "ClickHouse" })
    ));
    // The folders are free again, and half of a start does no harm.
    stop.store(false, Relaxed);
    clickhouse_in(&folder.path().join("clickhouse")).unwrap();
}

#[test]
fn a_client_that_hangs_up_badly_does_not_take_clickhouse_down() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = clickhouse_in(folder.path()).unwrap();
    for _ in 0..20 {
        let address = server.http_url();
        let mut stream = TcpStream::connect(address.strip_prefix("http://").unwrap()).unwrap();
        let sql = "SELECT number, sleepEachRow(0.001) FROM numbers(100000) SETTINGS max_block_size = 10";
        let (user, password, length) = (server.user(), server.password(), sql.len());
        write!(
            stream,
            "POST / HTTP/1.1\r\nHost: x\r\nX-ClickHouse-User: {user}\r\nX-ClickHouse-Key: {password}\r\n\
             Content-Length: {length}\r\n\r\n{sql}"
        )
        .unwrap();
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(done(&server, "SELECT 1"), "1");
    assert!(server.is_running());
}

#[test]
fn kafka_comes_back_on_the_same_port() {
    let folder = tempfile::tempdir().unwrap();
    let mut kafka = KafkaServer::start(&engines(), KafkaOptions::new(folder.path())).unwrap();
    assert!(is_broker(kafka.bootstrap()));
    let address = kafka.bootstrap().to_owned();
    let cluster = fs::read_to_string(folder.path().join("data/meta.properties")).unwrap();

    kafka.kill();
    assert!(!kafka.is_running() && !is_broker(&address));
    kafka.restart().unwrap();
    assert!(is_broker(kafka.bootstrap()));
    assert_eq!(kafka.bootstrap(), address);

    let in_use = KafkaServer::start(&engines(), KafkaOptions::new(folder.path()));
    assert!(matches!(in_use, Err(EmbeddedError::FolderInUse { .. })));
    let pid = kafka.pid();
    kafka.stop();
    assert!(is_gone(pid));

    // other ports, the same cluster
    let options = KafkaOptions { load_test: true, ..KafkaOptions::new(folder.path()) };
    let kafka = KafkaServer::start(&engines(), options).unwrap();
    assert!(is_broker(kafka.bootstrap()));
    assert_eq!(fs::read_to_string(folder.path().join("data/meta.properties")).unwrap(), cluster);
}

#[test]
fn a_port_that_somebody_else_took_is_an_error_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = clickhouse_in(&folder.path().join("a")).unwrap();
    server.kill();
    let other = TcpListener::bind(server.http_url().strip_prefix("http://").unwrap()).unwrap();
    let start = Instant::now();
    let error = server.restart().unwrap_err().to_string();
    assert!(error.contains("took its port"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(30));
    drop(other);
    server.restart().unwrap();
    assert_eq!(done(&server, "SELECT 1"), "1");
}

#[test]
fn a_child_outlives_the_thread_that_asked_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    let mut server = thread::spawn(move || clickhouse_in(&path).unwrap()).join().unwrap();
    thread::sleep(Duration::from_millis(200));
    assert!(server.is_running());
    assert_eq!(done(&server, "SELECT 1"), "1");
}

#[test]
fn a_child_that_cannot_start_is_an_error_with_its_last_words() {
    let folder = tempfile::tempdir().unwrap();
    let start = |program: &str| {
        let options = ClickHouseOptions {
            child_exe: Some(program.into()),
            ..ClickHouseOptions::new(folder.path().join("clickhouse"))
        };
        ClickHouseServer::start(&engines(), options).err().unwrap().to_string()
    };
    assert!(start("/no/such/program").contains("/no/such/program"));
    assert!(start("/bin/ls").contains("exit code 2"), "{}", start("/bin/ls"));
    assert!(start("/bin/ls").contains("unrecognized option"), "{}", start("/bin/ls"));

    let nothing = Engines { chdb: "/no/libchdb.so".into(), ..engines() };
    let options = ClickHouseOptions {
        child_exe: Some(PROGRAM.into()),
        ..ClickHouseOptions::new(folder.path().join("b"))
    };
    let error = ClickHouseServer::start(&nothing, options).err().unwrap().to_string();
    assert!(error.contains("/no/libchdb.so"), "{error}");
}

/// A second process with both engines.
struct Copy {
    process: Child,
    kafka: String,
    clickhouse: String,
    user: String,
    password: String,
    pids: Vec<u32>,
}

fn start_copy(folder: &Path) -> Copy {
    let mut process =
        Command::new(PROGRAM).arg(folder).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let lines: Vec<Vec<String>> = BufReader::new(process.stdout.take().unwrap())
        .lines()
        .take(4)
        .map(|line| line.unwrap().split(' ').map(str::to_owned).collect())
        .collect();
    assert_eq!(lines.len(), 4, "the copy ended early: {lines:?}");
    Copy {
        process,
        kafka: lines[0][1].clone(),
        clickhouse: lines[1][1].clone(),
        user: lines[2][1].clone(),
        password: lines[2][2].clone(),
        pids: vec![lines[0][3].parse().unwrap(), lines[1][3].parse().unwrap()],
    }
}

#[test]
fn copies_live_side_by_side_and_leave_no_process_however_they_end() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (folder.path().join("a"), folder.path().join("b"));
    let (mut a, mut b) = thread::scope(|scope| {
        let (a, b) = (scope.spawn(|| start_copy(&a)), scope.spawn(|| start_copy(&b)));
        (a.join().unwrap(), b.join().unwrap())
    });
    for copy in [&a, &b] {
        assert!(is_broker(&copy.kafka));
        assert_eq!(ask(&copy.clickhouse, &copy.user, &copy.password, "SELECT 1").0, 200);
        for pid in &copy.pids {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
            let group = stat.rsplit_once(") ").unwrap().1.split(' ').nth(2).unwrap();
            assert_eq!(group, pid.to_string(), "Ctrl-C at the terminal must not reach the engines");
        }
    }
    let (status, _) = ask(&a.clickhouse, &b.user, &b.password, "SELECT 1");
    assert_ne!(status, 200, "each copy has its own passwords");

    // one is killed, the other stays
    a.process.kill().unwrap();
    a.process.wait().unwrap();
    assert_gone_soon(&a.pids);
    assert!(is_broker(&b.kafka));

    // the other is asked to end
    drop(b.process.stdin.take());
    assert!(b.process.wait().unwrap().success());
    assert!(b.pids.iter().all(|pid| is_gone(*pid)));
}
