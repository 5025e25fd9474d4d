//! `aftercare demo` as a script would run it: its report against facts that are counted here anew, and what it leaves
//! behind when it is stopped.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

#[allow(dead_code, reason = "each test uses its part")]
#[path = "dashboards/panel.rs"]
mod panel;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use aftercare_sim::world::{Settings, World};
use serde_json::Value;

const SEED: u64 = 7;
const PATIENTS: u32 = 40;
const DAYS: u32 = 200;
const BAD_RECORDS: u32 = 2;
const PROBES: u64 = 20;
/// Panels that must have something to show of it.
const DEMO_FILLS: [&str; 6] = [
    "The chosen group against it",
    "From due to service",
    "Response rate by ${by}",
    "Rows missing",
    "Records by outcome",
    "What is proven to be in ClickHouse",
];

/// A demo under way; whatever it keeps on disk is in a folder of its own.
struct Demo {
    child: Child,
    folder: tempfile::TempDir,
}

impl Demo {
    fn start(more: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_aftercare"))
            .args(["demo", "--seed", &SEED.to_string(), "--patients", &PATIENTS.to_string()])
            .args(["--days", &DAYS.to_string(), "--bad-records", &BAD_RECORDS.to_string()])
            .args(["--probes", &PROBES.to_string(), "--json"])
            .args(more)
            .current_dir(root())
            .env("TMPDIR", folder.path())
            .env("AFTERCARE__KAFKA__PARTITIONS", "2")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self { child, folder }
    }

    fn end(&self) {
        let pid = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    }

    /// Waits until it has ended; its exit code.
    fn ended(mut self) -> Option<i32> {
        let deadline = Instant::now() + Duration::from_secs(60);
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < deadline, "it does not end");
            std::thread::sleep(Duration::from_millis(20));
        };
        assert_eq!(processes_of(self.folder.path()), Vec::<String>::new(), "processes are left");
        let left: Vec<_> =
            std::fs::read_dir(self.folder.path()).unwrap().map(|e| e.unwrap().path()).collect();
        assert!(left.is_empty(), "files are left: {left:?}");
        status.code()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // Only a failed test comes here while it still runs; its engines die with it.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Command lines of processes that were started with this folder as their place for temporary files.
fn processes_of(folder: &Path) -> Vec<String> {
    let folder = folder.to_str().unwrap();
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap() {
        let process = entry.unwrap().path();
        let text = |file: &str| {
            let bytes = std::fs::read(process.join(file)).unwrap_or_default();
            String::from_utf8_lossy(&bytes).replace('\0', " ")
        };
        if text("environ").contains(folder) || text("cmdline").contains(folder) {
            found.push(text("cmdline"));
        }
    }
    found
}

#[test]
fn the_report_agrees_with_what_is_counted_independently() {
    let mut demo = Demo::start(&["--keep"]);
    let stdout = BufReader::new(demo.child.stdout.take().unwrap());
    let stderr = demo.child.stderr.take().unwrap();
    let progress = std::thread::spawn(move || std::io::read_to_string(stderr).unwrap());
    let report = serde_json::Deserializer::from_reader(stdout).into_iter::<Value>().next();
    let Some(Ok(report)) = report else { panic!("no report: {}", progress.join().unwrap()) };

    let nhs = root().join("../shared/data/nhs_proms_eq5d3l.csv");
    let nhs = nhs.is_file().then(|| NhsFile::read(&nhs));
    let heart = root().join("../shared/data/heart_rate_fitbit.csv.gz").is_file();
    records_are_those_of_world_and_files(&report, nhs.as_ref(), heart);
    if heart {
        windows_are_those_of_the_raw_readings(&report["heart"]);
    } else {
        eprintln!("skipped: heart_rate_fitbit.csv.gz is not at hand");
    }
    bad_records_have_their_reasons(&report);
    if let Some(nhs) = &nhs {
        nhs_scores_are_those_of_the_file(&report, nhs);
    }
    latencies_are_in_order(&report["latency"]);
    assert_eq!(report["audit"]["holds"], true, "{}", report["audit"]);
    let points = report["patient"]["points"].as_array().unwrap();
    assert!(points.len() > 5 && points.iter().all(|p| p["index"].is_number()), "{points:?}");

    every_panel_can_be_asked(&report["places"]);

    demo.end();
    assert_eq!(demo.ended(), Some(0), "with --keep a signal is the way to end it");
    assert!(progress.join().unwrap().contains("wait until all of it is in ClickHouse"));
}

#[test]
fn a_signal_half_way_leaves_nothing() {
    // Itself; later Kafka and ClickHouse too.
    for (phase, processes) in [("start Kafka", 1), ("play", 3)] {
        let mut demo = Demo::start(&[]);
        let mut stderr = BufReader::new(demo.child.stderr.take().unwrap());
        let mut seen = String::new();
        while !seen.contains(phase) {
            let mut byte = [0];
            assert_eq!(stderr.read(&mut byte).unwrap(), 1, "it ended before {phase:?}: {seen}");
            seen.push(char::from(byte[0]));
        }
        // The rest, so that it is not held up by a full pipe.
        std::thread::spawn(move || stderr.lines().count());
        assert!(processes_of(demo.folder.path()).len() >= processes);
        demo.end();
        assert_eq!(demo.ended(), Some(130), "stopped while it was to {phase:?}");
    }
}

/// The wearers of the file of heart rates.
const WEARERS: u64 = 3;

/// Windows by length as `import`'s own test counts them in the file.
fn windows_are_those_of_the_raw_readings(heart: &Value) {
    let readings = heart["summary"]["readings"].as_u64().unwrap();
    assert_eq!((readings, heart["raw"].as_u64()), (479_864, Some(479_864)));
    let windows = heart["windows"].as_array().unwrap();
    let number = |window: &Value, name: &str| window[name].as_u64().unwrap();
    for (window, expected) in windows.iter().zip([(300, 13_821), (3_600, 1_285), (86_400, 88)]) {
        assert_eq!((number(window, "length_s"), number(window, "windows")), expected);
        assert_eq!(number(window, "equal"), expected.1, "{window}");
    }
    assert_eq!(windows.len(), 3);
}

fn records_are_those_of_world_and_files(report: &Value, nhs: Option<&NhsFile>, heart: bool) {
    let of_world = |name: &str| report["world"][name].as_u64().unwrap().try_into().unwrap();
    let start = &report["world"]["start"];
    let world = World::new(Settings {
        seed: SEED,
        patients: PATIENTS,
        days: DAYS,
        start: aftercare_core::time::Instant(start.as_i64().unwrap()),
        wearers_permille: of_world("wearers_permille"),
        home_permille: of_world("home_permille"),
        sessions: report["world"]["sessions"].as_bool().unwrap(),
        bad_records: BAD_RECORDS,
        ..Settings::default()
    });
    let mut expected: BTreeMap<&str, u64> = BTreeMap::new();
    for record in world {
        *expected.entry(record.topic).or_default() += 1;
    }
    for records in report["records"].as_array().unwrap() {
        let topic = records["topic"].as_str().unwrap();
        // what care managers did about the alerts is no part of the world
        if topic == "alert-actions" {
            continue;
        }
        let number = |name: &str| records[name].as_u64().unwrap();
        let of_world = expected.remove(topic).unwrap_or(0);
        let of_nhs = match (nhs, topic) {
            (Some(nhs), "enrolments") => nhs.patients.len() as u64,
            (Some(nhs), "prom-responses") => nhs.forms.len() as u64,
            _ => 0,
        };
        let of_heart = match topic {
            "enrolments" if heart => WEARERS,
            // the readings of a step travel together
            "wearable-readings" if heart => report["heart"]["summary"]["records"][topic].as_u64().unwrap(),
            _ => 0,
        };
        let all = of_world + of_nhs + of_heart;
        assert_eq!((number("world"), number("files")), (of_world, of_nhs + of_heart), "{topic}");
        assert_eq!(number("taken"), all, "{topic}");
        assert_eq!(number("receipts") + number("undecodable"), all, "{topic}");
    }
    assert!(expected.is_empty(), "topics that the report does not name: {expected:?}");
}

/// How many of the world's kinds of bad records end as dead letters for which reason. (What lies in the future or belongs
/// to nobody waits, but not for ever; missing answers are no error.)
const KINDS: [(&str, u32); 14] = [
    ("answer_out_of_range", 1),
    ("conflicting_content", 1),
    ("empty_upload", 1),
    ("far_future", 1),
    // No Avro at all, and that of another stream.
    ("foreign_avro", 2),
    ("implausible_value", 1),
    ("missing_id", 1),
    ("no_forms", 1),
    ("truncated_avro", 1),
    ("unknown_instrument", 1),
    ("unknown_item", 1),
    ("unknown_patient", 1),
    ("unknown_schema", 1),
    ("unsupported_unit", 1),
];

fn bad_records_have_their_reasons(report: &Value) {
    let dead: BTreeMap<&str, u64> = report["dead_letters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| (d["reason"].as_str().unwrap(), d["count"].as_u64().unwrap()))
        .collect();
    let expected = KINDS.map(|(reason, kinds)| (reason, u64::from(kinds * BAD_RECORDS)));
    assert_eq!(dead, BTreeMap::from(expected));
}

fn latencies_are_in_order(latency: &Value) {
    for times in [&latency["alert"], &latency["score"]] {
        let of = |name: &str| times[name].as_f64().unwrap();
        assert_eq!(times["uploads"].as_u64(), Some(PROBES));
        assert!(0.0 < of("p50_ms") && of("p50_ms") <= of("p99_ms") && of("p99_ms") <= of("max_ms"));
    }
}

/// The NHS file, read here without the importer.
struct NhsFile {
    patients: BTreeSet<String>,
    /// Upload id, and the file's index where the EQ-5D is complete.
    forms: BTreeMap<String, Option<f64>>,
}

impl NhsFile {
    fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        let header: Vec<&str> = lines[0].split(',').collect();
        let column = |name: &str| header.iter().position(|h| *h == name).unwrap();
        let (mut patients, mut forms) = (BTreeSet::new(), BTreeMap::new());
        for line in &lines[1..] {
            let cells: Vec<&str> = line.split(',').collect();
            let cell = |name: &str| cells[column(name)];
            let procedure = match cell("procedure") {
                "Hip Replacement" => "hip-replacement",
                "Knee Replacement" => "knee-replacement",
                "Groin Hernia" => "groin-hernia-repair",
                "Varicose Vein" => "varicose-vein-surgery",
                other => panic!("an unknown procedure {other:?}"),
            };
            patients.insert(cell("id").to_owned());
            let upload = format!("nhs-{}-{procedure}-{}", cell("id"), cell("time"));
            let complete = ["mo", "sc", "ua", "pd", "ad"].iter().all(|item| !cell(item).is_empty());
            let index = complete.then(|| cell("index_uk_mvh").parse().unwrap());
            assert!(forms.insert(upload, index).is_none(), "a questionnaire stands twice in the file");
        }
        Self { patients, forms }
    }
}

fn nhs_scores_are_those_of_the_file(report: &Value, nhs: &NhsFile) {
    let incomplete = nhs.forms.values().filter(|index| index.is_none()).count();
    assert_eq!((nhs.patients.len(), nhs.forms.len(), incomplete), (2_504, 5_008, 247), "as published");
    let eq5d = report["scores"].as_array().unwrap().iter().find(|s| s["instrument"] == "eq-5d-3l").unwrap();
    assert_eq!(eq5d["scored"].as_u64(), Some((nhs.forms.len() - incomplete) as u64));
    assert_eq!(eq5d["unscored"].as_u64(), Some(incomplete as u64));

    let rows = query(
        &report["places"],
        "SELECT upload_id, status, ifNull(toString(reason), ''), ifNull(toString(score), '') \
         FROM scores FINAL WHERE instrument = 'eq-5d-3l' FORMAT TSV",
    );
    let mut left = nhs.forms.clone();
    for row in rows.lines() {
        let cells: Vec<&str> = row.split('\t').collect();
        let [upload, status, reason, score] = cells[..] else { panic!("a row of {} cells", cells.len()) };
        match left.remove(upload).expect("an upload of the file") {
            None => assert_eq!((status, reason, score), ("unscored", "missing_answers", "")),
            Some(index) => {
                let score: f64 = score.parse().unwrap();
                assert!(status == "scored" && (score - index).abs() < 5e-10, "{status} {score} for {index}");
            }
        }
    }
    assert!(left.is_empty(), "{} forms have no row", left.len());
}

/// Each panel of each dashboard on the demo's data, as the analyst. So few patients leave some without a row.
fn every_panel_can_be_asked(places: &Value) {
    let password = Path::new(places["password_file"].as_str().unwrap()).with_file_name("analyst_password");
    let ask = |sql: &str| -> Value {
        let reply = query_as(places, "aftercare_analyst", &password, &format!("{sql}\nFORMAT JSON"));
        serde_json::from_str(&reply).unwrap()
    };
    let (mut filled, mut all) = (BTreeSet::new(), 0);
    for (file, dashboard) in panel::dashboards() {
        let choice = [
            ("procedure", "pci-des"),
            ("instrument", "composite"),
            ("by", if file == "outcomes.json" { "all" } else { "clinician" }),
            ("group", ""),
            ("contract", "warranty-example"),
            ("plan", "coronary-stent"),
        ];
        for panel in panel::all(&dashboard) {
            for sql in panel.sql() {
                let reply = ask(&panel::filled(sql, &choice, panel::days(&dashboard)));
                let ms = reply["statistics"]["elapsed"].as_f64().unwrap() * 1000.0;
                let absent = panel::absent_in(&reply);
                eprintln!("{file:24} {:44} {ms:7.1} ms {:5} rows {absent:?}", panel.title, reply["rows"]);
                panel.check_columns(&reply).unwrap_or_else(|problem| panic!("{problem}: {}", panel.title));
                all += 1;
                if absent.is_empty() {
                    filled.insert(panel.title.clone());
                }
            }
        }
    }
    eprintln!("{} of {all} panels have values for everything", filled.len());
    for title in DEMO_FILLS {
        assert!(filled.contains(title), "{title} is empty: {filled:?}");
    }
}

/// Asks ClickHouse as the report tells people to: as its reader, by HTTP.
fn query(places: &Value, sql: &str) -> String {
    let text = |name: &str| places[name].as_str().unwrap();
    query_as(places, text("user"), Path::new(text("password_file")), sql)
}

fn query_as(places: &Value, user: &str, password_file: &Path, sql: &str) -> String {
    let text = |name: &str| places[name].as_str().unwrap();
    let password = std::fs::read_to_string(password_file).unwrap();
    let host = text("clickhouse").strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    write!(
        stream,
        "POST /?database={} HTTP/1.0\r\nHost: {host}\r\nX-ClickHouse-User: {}\r\nX-ClickHouse-Key: {}\r\n\
         Content-Length: {}\r\n\r\n{sql}",
        text("database"),
        user,
        password.trim(),
        sql.len()
    )
    .unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    let (head, body) = reply.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(" 200 "), "{reply}");
    body.to_owned()
}
