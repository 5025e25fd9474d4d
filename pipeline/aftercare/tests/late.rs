//! A reading that comes a week late changes exactly its window, its hour and its day, through real engines: twice
//! delivered it changes nothing more, and neither does a death between any two steps.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

#[path = "support/sql.rs"]
mod sql;
#[allow(dead_code, reason = "each test uses its part")]
mod support;

use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aftercare_schemas::{codec, wire};

use sql::sql;
use support::{Instance, Stack, wait_until};

const WINDOW_MS: i64 = 300_000;
const WEEK_MS: i64 = 7 * 86_400_000;
/// Long enough for whatever has to happen.
const PATIENCE: Duration = Duration::from_secs(90);
/// Every point at which the way of a late reading can be cut off.
const POINTS: [&str; 5] =
    ["readings.inserting", "readings.inserted", "late.read", "late.written", "late.moved"];

/// What a window says, without its version and its tick.
const WINDOW: &str = "readings, round(mean, 6), round(sd, 6), min, max, p10, p50, p90, coverage, in_range, unit, source, \
                      manufacturer";

/// A patient with a watch.
struct Watch<'a> {
    stack: &'a Stack,
    /// The begin of a window a week ago.
    week_ago: i64,
}

impl Watch<'_> {
    /// Uploads heart rates: (when measured, per minute).
    fn upload(&self, rates: &[(i64, f64)]) {
        let reading = |&(measured_at, value)| wire::Reading {
            metric: wire::Metric::HeartRate,
            value,
            unit: "bpm",
            measured_at,
        };
        let upload = wire::WearableUpload {
            patient_id: "p-late",
            device_id: "watch",
            source: wire::Source::Live,
            readings: rates.iter().map(reading).collect(),
        };
        self.write("wearable-readings", &upload);
    }

    fn write(&self, topic: &'static str, record: &impl serde::Serialize) {
        let mut value = Vec::new();
        codec::encode(topic, record, &mut value).unwrap();
        let writer = self.stack.cluster().writer().unwrap();
        writer.write(topic, b"p-late", &value, &[]).unwrap();
        writer.flush().unwrap();
    }

    /// Begin of the n-th window since a week ago.
    fn window(&self, n: i64) -> i64 {
        self.week_ago + n * WINDOW_MS
    }

    /// What stands of the n-th window.
    fn stands(&self, n: i64) -> String {
        let at = self.window(n);
        let current = "SELECT {WINDOW} FROM windows_current WHERE length_s = 300 AND window_start = ";
        let statement = format!("{current}fromUnixTimestamp64Milli({at})").replace("{WINDOW}", WINDOW);
        sql(self.stack, &statement)
    }

    fn wait_for(&self, what: &str, statement: &str, want: &str, serve: &Instance) {
        let found = || sql(self.stack, statement);
        let began = std::time::Instant::now();
        while found() != want {
            assert!(
                began.elapsed() < PATIENCE,
                "{what}: {} instead of {want}\n{}",
                found(),
                serve.log_tail()
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

/// Where the patient lives: midnight there is within an hour of UTC.
const ZONE: &str = "Asia/Kathmandu";

/// Windows that differ from what ClickHouse says of the raw readings, of all three lengths.
fn differing() -> String {
    let columns = "window_start, length_s, readings, round(mean, 6), min, max";
    let told = format!("SELECT {columns} FROM windows_current WHERE readings > 0");
    let raw = |start: &str, length_s: &str| {
        format!(
            "SELECT toDateTime64({start}, 3, 'UTC') AS begin, toUInt32({length_s}), toUInt32(count()), \
             round(avg(value), 6), min(value), max(value) FROM readings FINAL GROUP BY begin"
        )
    };
    let day = format!("toStartOfDay(measured_at, '{ZONE}')");
    let all = [
        raw("toStartOfFiveMinutes(measured_at)", "300"),
        raw("toStartOfHour(measured_at)", "3600"),
        raw(&day, "86400"),
    ];
    let all = all.join(" UNION ALL ");
    format!(
        "SELECT (SELECT count() FROM (({told}) EXCEPT ({all}))), (SELECT count() FROM (({all}) EXCEPT ({told})))"
    )
}

fn wall_clock() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

#[test]
fn a_reading_a_week_late_changes_exactly_its_window_its_hour_and_its_day() {
    let stack = Stack::start(2, "[sink]\nflush_ms = 50");
    let now = wall_clock();
    let week_ago = (now - WEEK_MS).div_euclid(WINDOW_MS) * WINDOW_MS;
    let watch = Watch { stack: &stack, week_ago };
    let mut serve = stack.serve("serve", &[]);
    watch.write(
        "enrolments",
        &wire::Enrolment {
            id: "n-late",
            revision: 1,
            status: wire::RecordStatus::Final,
            source: wire::Source::Live,
            patient_id: "p-late",
            episode_id: "e-late",
            recorded_at: week_ago,
            effective_at: week_ago,
            manufacturer: Some("m-alpha"),
            treated_at: Some(week_ago),
            time_zone: Some(ZONE),
            ..nobody()
        },
    );
    // A week ago two readings in every window; then one of today, so that those windows are over.
    let count = i64::try_from(POINTS.len()).unwrap() + 2;
    let early: Vec<_> = (0..count)
        .flat_map(|n| [(watch.window(n) + 10_000, 60.0), (watch.window(n) + 70_000, 64.0)])
        .collect();
    watch.upload(&early);
    watch.upload(&[(now - 60_000, 70.0)]);
    let windows = (count + 1).to_string();
    let all = "SELECT count() FROM windows_current WHERE length_s = 300";
    watch.wait_for("the windows", all, &windows, &serve);
    let before: Vec<String> = (0..count).map(|n| watch.stands(n)).collect();

    it_changes_its_window(&watch, &serve);
    delivered_again_it_changes_nothing(&watch, &serve);
    for (n, point) in (1..).zip(POINTS) {
        let ended = serve.stop(Duration::from_secs(15));
        assert!(ended.success(), "{ended}\n{}", serve.log_tail());
        serve = a_death_changes_nothing(&watch, n, point);
    }

    let untouched = count - 1;
    assert_eq!(watch.stands(untouched), before[usize::try_from(untouched).unwrap()]);
    assert_eq!(sql(&stack, all), windows, "each window once");
    let late = "SELECT count() FROM late_windows FINAL WHERE length_s = 300";
    assert_eq!(sql(&stack, late), (POINTS.len() + 1).to_string());
    watch.wait_for("hours and days", &differing(), "0\t0", &serve);
    a_day_goes_on_after_a_late_reading(&watch, &serve);
    let raw = sql(&stack, "SELECT count(), uniqExact(metric, measured_at) FROM readings FINAL");
    let readings = 2 * count + 1 + 1 + i64::try_from(POINTS.len()).unwrap() + 3;
    assert_eq!(raw, format!("{readings}\t{readings}"));
    let audit = stack.run(&["audit", "--wait", "60", "--deep"]);
    assert!(audit.status.success(), "{}", String::from_utf8_lossy(&audit.stdout));
}

/// 60, 64 and, late, 98: what an hour of pencil and paper gives.
const WITH_LATE: &str = "3\t74\t20.880613\t60\t98\t60\t64\t98\t0.6";

fn it_changes_its_window(watch: &Watch<'_>, serve: &Instance) {
    // Twice in one upload, with another value: the first counts.
    watch.upload(&[(watch.window(0) + 130_000, 98.0), (watch.window(0) + 130_000, 40.0)]);
    let lengths =
        "SELECT groupArray(length_s) FROM (SELECT length_s FROM late_windows FINAL ORDER BY length_s)";
    watch.wait_for("the late windows", lengths, "[300,3600,86400]", serve);
    let stands = watch.stands(0);
    assert!(stands.starts_with(WITH_LATE) && stands.ends_with("\t/min\tlive\tm-alpha"), "{stands}");
}

fn delivered_again_it_changes_nothing(watch: &Watch<'_>, serve: &Instance) {
    let before = watch.stands(0);
    watch.upload(&[(watch.window(0) + 130_000, 41.0)]);
    let again = "SELECT max(l.version) > min(w.version) AND max(w.version) = max(l.version) \
                 FROM late_readings AS l, late_windows AS w";
    watch.wait_for("the window computed again", again, "1", serve);
    assert_eq!(watch.stands(0), before);
}

/// A day that a reading reaches while it lasts has what comes after that reading too.
fn a_day_goes_on_after_a_late_reading(watch: &Watch<'_>, serve: &Instance) {
    let now = wall_clock();
    watch.upload(&[(now - 50_000, 71.0)]);
    watch.upload(&[(now - 5 * 3_600_000, 99.0)]);
    watch.wait_for("the day with its late reading", &differing(), "0\t0", serve);
    watch.upload(&[(now - 40_000, 72.0)]);
    let newest = "SELECT count() FROM readings FINAL WHERE value = 72";
    watch.wait_for("the newest reading", newest, "1", serve);
    watch.wait_for("the day that went on", &differing(), "0\t0", serve);
}

/// A reading for the n-th window, on whose way the process dies; a new one takes over.
fn a_death_changes_nothing(watch: &Watch<'_>, n: i64, point: &str) -> Instance {
    let mut dying = watch.stack.serve("dying", &[("AFTERCARE_KILL_POINT", point)]);
    watch.upload(&[(watch.window(n) + 130_000, 98.0)]);
    let ended = wait_until(point, PATIENCE, || dying.ended());
    assert_eq!(ended.signal(), Some(9), "{point}: {}", dying.log_tail());
    let serve = watch.stack.serve("serve", &[]);
    let rows = format!(
        "SELECT count() FROM late_windows FINAL \
         WHERE length_s = 300 AND window_start = fromUnixTimestamp64Milli({})",
        watch.window(n)
    );
    watch.wait_for(point, &rows, "1", &serve);
    assert_eq!(watch.stands(n), watch.stands(0), "{point}");
    serve
}

/// An enrolment that says nothing.
fn nobody() -> wire::Enrolment<'static> {
    wire::Enrolment {
        id: "",
        status: wire::RecordStatus::Final,
        source: wire::Source::Live,
        patient_id: "",
        episode_id: "",
        recorded_at: 0,
        effective_at: 0,
        ..wire::Enrolment::default()
    }
}
