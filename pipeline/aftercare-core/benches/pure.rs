//! What a reading and a response cost where nothing is decoded, sent or stored: `cargo bench -p aftercare-core`.
//! Each line is the best of many rounds.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark prints, and fails by panicking")]

#[path = "../tests/kit/mod.rs"]
mod kit;

use std::hint::black_box;
use std::time::Instant as Clock;

use aftercare_core::contract::lang::{self, Exact, Frame, Host, HostFn, RecordType, Scope, Type, Value};
use aftercare_core::documents::Library;
use aftercare_core::facts::EnrolmentFact;
use aftercare_core::metric::Metric;
use aftercare_core::patient::{Changes, Judges, Patient};
use aftercare_core::time::{Instant, Millis};
use aftercare_core::vital::{HOUR_MS, Summary, WindowRow, by_day, hour_of, hour_start};
use aftercare_core::window::{Points, window_of};
use aftercare_core::zone::Zone;
use kit::{DAY_0, Desk, Record, day, edition, enrolment_of, fact, stent_forms, upload};

const ROUNDS: u32 = 200;

/// Runs `round`, which answers how many it did and how long that took, many times; prints the best. Rounds are short, so
/// that some of them are not interrupted by other work on the machine.
fn best(what: &str, mut round: impl FnMut() -> (u128, u128)) {
    let nanos = (0..ROUNDS).map(|_| round()).map(|(count, nanos)| nanos / count).min().unwrap();
    println!("{what:66} {nanos:>6} ns");
}

fn timed(count: usize, what: impl FnOnce()) -> (u128, u128) {
    let start = Clock::now();
    what();
    (count as u128, start.elapsed().as_nanos())
}

/// The windows of one device and metric as time goes by, each row made once, when its window is over.
struct Windows<'a> {
    library: &'a Library,
    hour: Vec<(i64, Points)>,
    day: Summary,
    rows: usize,
}

impl Windows<'_> {
    fn take(&mut self, measured_at: Instant, unit: &str, value: f64) {
        let metric = Metric::HEART_RATE;
        let value = self.library.admit(metric, unit, value, measured_at).unwrap();
        let (index, offset_ms) = window_of(measured_at);
        if self.hour.last().is_none_or(|(last, _)| *last < index) {
            self.end_window();
            if self.hour.last().is_some_and(|(last, _)| hour_of(*last) < hour_of(index)) {
                self.end_hour();
            }
            self.hour.push((index, Points::default()));
        }
        self.hour.last_mut().unwrap().1.insert(offset_ms, value);
    }

    fn end_window(&mut self) {
        let target = self.library.vitals().unwrap().target(Metric::HEART_RATE);
        if let Some((index, points)) = self.hour.last() {
            self.rows += usize::from(black_box(WindowRow::of_points(*index, points, target)).is_some());
        }
    }

    fn end_hour(&mut self) {
        let target = self.library.vitals().unwrap().target(Metric::HEART_RATE);
        let start = hour_start(hour_of(self.hour[0].0));
        let summary = Summary::of(self.hour.iter().map(|(_, points)| points));
        self.rows +=
            usize::from(black_box(WindowRow::of_summary(start, Millis(HOUR_MS), &summary, target)).is_some());
        for (_, summary) in by_day(&Zone::UTC, self.hour.iter().map(|(index, points)| (*index, points))) {
            self.day.merge(&summary);
        }
        self.hour.clear();
    }
}

/// Two days of a heart rate every so many seconds: admitted, put into its window, all rows of all widths made.
fn readings(every_s: i64, unit: &str, library: &Library) -> (u128, u128) {
    const DAYS: i64 = 2;
    let per_day = 86_400 / every_s;
    timed(usize::try_from(DAYS * per_day).unwrap(), || {
        let mut windows = Windows { library, hour: Vec::new(), day: Summary::default(), rows: 0 };
        for n in 0..DAYS {
            for i in 0..per_day {
                let value = f64::from(u32::try_from(50 + (i * 13 + n) % 70).unwrap());
                windows.take(day(n).saturating_add(Millis::seconds(i * every_s)), unit, value);
            }
            windows.end_window();
            windows.end_hour();
            let day_row = WindowRow::of_summary(day(n), Millis::days(1), &windows.day, None);
            windows.rows += usize::from(black_box(day_row).is_some());
            windows.day = Summary::default();
        }
        black_box(windows.rows);
    })
}

/// Readings that arrive after all others of their window: what a full window costs.
fn into_windows(library: &Library) -> (u128, u128) {
    const WINDOWS: i64 = 2_000;
    timed(usize::try_from(5 * WINDOWS).unwrap(), || {
        for index in 0..WINDOWS {
            let mut points = Points::default();
            for minute in [0, 1, 2, 3, 4] {
                let at = Instant(index * 300_000 + minute * 60_000);
                let value = library.admit(Metric::HEART_RATE, "/min", 61.0, at).unwrap();
                black_box(points.insert(window_of(at).1, value));
            }
            black_box(points);
        }
    })
}

/// A stent patient's half year, and the editions of that time.
fn half_a_year() -> Desk {
    let statement = EnrolmentFact {
        treated_at: Some(DAY_0),
        plan: Some("coronary-stent"),
        procedure: Some("pci-des"),
        birth_year: Some(1961),
        sex: Some("female"),
        comorbidities: Some(vec!["E11.9"]),
        organisation: Some("hospital-7"),
        care_team: Some("team-3"),
        clinician_id: Some("clinician-19"),
        manufacturer: Some("acme-devices"),
        time_zone: Some("Asia/Shanghai"),
        ..fact("e")
    };
    let mut desk = Desk::with(&[enrolment_of("n", statement)]);
    for slot in 0..13i64 {
        let id: &'static str = Box::leak(format!("upload-{slot:04}").into_boxed_str());
        let code = 1 + i32::try_from(slot * 7 % 5).unwrap();
        desk.offer(&upload(id, if slot == 0 { -1 } else { 14 * slot }, stent_forms(code)));
    }
    for (month, from) in [("2024-04", 60), ("2024-05", 90), ("2024-06", 120), ("2024-07", 150)] {
        for curve in edition(&desk, month, day(from), |_| true) {
            desk.curves.learn(curve);
        }
    }
    desk
}

/// The next response of 200 patients alike.
fn responses(desk: &Desk, record: &Record, wanted: (usize, usize)) -> (u128, u128) {
    const PATIENTS: usize = 200;
    let last_sequence = u64::try_from(desk.contributions.len()).unwrap();
    let judges = Judges { library: &desk.library, curves: &desk.curves, partition: 0, last_sequence };
    let mut patients: Vec<Patient> = (0..PATIENTS).map(|_| desk.patient.clone()).collect();
    let (head, mut changes) = (record.head(false), Changes::default());
    let mut found = (0, 0);
    let timed = timed(PATIENTS, || {
        for patient in &mut patients {
            black_box(patient.offer(&head, &record.body, desk.tick, &desk.library));
            patient.changes(&judges, &mut changes);
            let compared = changes.scores.iter().filter(|row| row.expected.is_some()).count();
            found = (changes.scores.len(), compared);
        }
    });
    assert_eq!(found, wanted, "rows, and how many of them are compared");
    timed
}

/// A host that is asked for nothing.
struct Nobody;

impl Host for Nobody {
    fn call(&self, _: HostFn, _: &[Value]) -> Value {
        Value::Absent
    }

    fn day_of(&self, _: Instant) -> i64 {
        0
    }

    fn start_of(&self, _: i64) -> Instant {
        Instant(0)
    }
}

/// A condition of a contract, evaluated with the fields of one upload and 26 uploads of a case.
fn conditions(text: &str) -> (u128, u128) {
    const TIMES: usize = 1_000;
    let fields = [("answered", Type::Date), ("index", Type::Decimal), ("expected", Type::Decimal)];
    let of = std::sync::Arc::new(RecordType::new("upload", fields));
    let decimal = |text: &str| Value::Decimal(Exact::parse(text).unwrap());
    let upload = |day: i64| {
        let fields = Box::new([Value::Date(day), decimal("99.5"), decimal("108.25")]);
        Value::Record(std::sync::Arc::new(lang::Record { of: of.clone(), fields }))
    };
    let mut scope = Scope::new(2);
    let u = scope.declare("u", Type::Record(of.clone()));
    let uploads = scope.declare("uploads", Type::Record(of.clone()).list());
    let program = lang::compile(text, &scope, "condition").unwrap();
    let mut frame = Frame::new(scope.slots(), 20_000, &Nobody);
    frame.set(u, upload(20_010));
    frame.set(uploads, Value::list((0..26).map(|n| upload(19_700 + 14 * n))));
    timed(TIMES, || {
        for _ in 0..TIMES {
            black_box(program.eval(&mut frame).unwrap());
        }
    })
}

fn main() {
    let library = Library::builtin();
    best("a reading admitted and put into its window, one a minute", || into_windows(&library));
    best("a reading into rows of 5 minutes, hour and day, one a minute", || readings(60, "/min", &library));
    best("the same, one every 10 s", || readings(10, "/min", &library));
    best("the same, one every 10 s, in another spelling of the unit", || readings(10, "bpm", &library));
    let desk = half_a_year();
    let four = upload("next", 170, stent_forms(4));
    best("a response of 4 forms: 5 rows, all compared", || responses(&desk, &four, (5, 5)));
    let one = upload("next", 170, vec![kit::phq_2(1)]);
    best("a response of 1 form: its row compared, a composite without", || responses(&desk, &one, (2, 1)));
    best("a contract's condition: u.index < u.expected", || conditions("u.index < u.expected"));
    let ratio = "quotient(u.index, u.expected) < decimal('0.9')";
    best("a contract's condition: the ratio below 0.9", || conditions(ratio));
    let late = "uploads.filter(x, x.answered < u.answered && known(x.index)).size() >= 3";
    best("a contract's condition over 26 uploads", || conditions(late));
}
