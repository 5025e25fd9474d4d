//! Documents that come while a task runs change what it does from then on, without a build and without a restart; and a
//! curve from elsewhere judges from its day on, whether it came before or after the answers.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use aftercare_core::documents::{ALERT_POLICY, CURVE, INSTRUMENT, PLAN, SHIPPED};
use aftercare_runtime::config::{TaskConfig, Ticks};
use aftercare_runtime::stats::TaskStats;
use aftercare_runtime::task::Task;
use aftercare_runtime::topics::{ALERTS, CONTRACTS, CONTROL, ENROLMENTS, PROM_RESPONSES, SCORES, TASK_STATE};
use aftercare_schemas::{codec, wire};
use aftercare_sim::memory_log::{Faults, LogSettings, MemoryBroker, MemoryLog, Stored};
use aftercare_stream::position::TopicId;

const DAY_MS: i64 = 86_400_000;
/// 2025-01-01 in UTC, the day of the treatment.
const TREATED_AT: i64 = 1_735_689_600_000;

/// What is expected of a PHQ-2 index from 2025-02-01 on, 31 days after the treatment.
const REGISTRY: &str = r#"
id = "registry"
version = 1
title = "Another country's registry"
procedure = "pci-des"
instrument = "phq-2"
effective_from = "2025-02-01"
from_day = 0
to_day = 365
[[points]]
day = 14
n = 900
mean = 120
sd = 25
"#;

fn day(days: i64) -> i64 {
    TREATED_AT + days * DAY_MS
}

/// A clock that only knows that time passes.
fn clock() -> i64 {
    thread_local!(static CALLS: Cell<i64> = const { Cell::new(0) });
    CALLS.replace(CALLS.get() + 1)
}

fn started(broker: &MemoryBroker) -> Task<MemoryLog> {
    let settings = LogSettings {
        partition: 0,
        changelog: TASK_STATE,
        broadcast: vec![CONTRACTS],
        batch_max: 40,
        faults: Faults::default(),
    };
    let config = TaskConfig { ticks: Ticks::External, ..TaskConfig::new(0, 1) };
    let mut task = Task::new(broker.log(settings, 1), config, Arc::new(TaskStats::default()), clock);
    task.start().unwrap();
    task
}

/// One patient after a stent, and the task that has the patient.
struct Ward {
    broker: MemoryBroker,
    task: Option<Task<MemoryLog>>,
}

impl Ward {
    /// With the documents of this build; the patient is enrolled and has a baseline.
    fn new() -> Ward {
        let broker = MemoryBroker::default();
        let task = Some(started(&broker));
        let mut ward = Ward { broker, task };
        for (kind, id, body) in SHIPPED {
            ward.publish(kind, id, 1, body);
        }
        ward.tick(day(-3));
        let enrolment = wire::Enrolment {
            id: "n",
            status: wire::RecordStatus::Final,
            source: wire::Source::Live,
            patient_id: "p",
            episode_id: "e",
            recorded_at: day(-5),
            effective_at: day(-5),
            procedure: Some("pci-des"),
            treated_at: Some(TREATED_AT),
            plan: Some("coronary-stent"),
            ..wire::Enrolment::default()
        };
        ward.append(ENROLMENTS, "enrolments", &enrolment);
        ward.answer("before", 1, -3);
        ward
    }

    fn append(&mut self, topic: TopicId, stream: &'static str, record: &impl serde::Serialize) {
        let mut value = Vec::new();
        codec::encode(stream, record, &mut value).unwrap();
        let stored = Stored { key: Some(b"p".to_vec()), value: Some(value), headers: Vec::new() };
        self.broker.append(topic, 0, stored);
        if let Some(task) = &mut self.task {
            (0..20).for_each(|_| task.step().unwrap());
        }
    }

    fn publish(&mut self, kind: &str, id: &str, version: i32, body: &str) {
        let document = wire::Document { kind, id, version, format: "toml", body, published_at: 0 };
        self.append(CONTRACTS, "contracts", &document);
    }

    /// The next version of a document of this build, changed.
    fn publish_changed(&mut self, kind: &str, id: &str, from: &str, to: &str) {
        let (.., text) = SHIPPED.into_iter().find(|shipped| (shipped.0, shipped.1) == (kind, id)).unwrap();
        assert!(text.contains(from), "{from}");
        self.publish(kind, id, 2, &text.replace("version = 1\n", "version = 2\n").replace(from, to));
    }

    fn tick(&mut self, at: i64) {
        let tick = wire::Control { kind: wire::ControlKind::Tick, at, id: None, body: None };
        self.append(CONTROL, "control", &tick);
    }

    /// A PHQ-2 of 2 points, taken at once.
    fn answer(&mut self, id: &str, revision: i32, days: i64) {
        self.tick(day(days));
        let answers = ["phq2_1", "phq2_2"].map(|item| wire::Answer { item, code: Some(1) }).to_vec();
        let response = wire::PromResponse {
            id,
            revision,
            status: wire::RecordStatus::Final,
            source: wire::Source::Live,
            patient_id: "p",
            episode_id: None,
            answered_at: day(days),
            uploaded_at: day(days),
            respondent: "patient",
            forms: vec![wire::Form { instrument: "phq-2", instrument_version: None, answers }],
        };
        self.append(PROM_RESPONSES, "prom-responses", &response);
    }

    /// Another task takes over where the first one left off.
    fn restart(&mut self) {
        self.task = Some(started(&self.broker));
        self.tick(day(300));
    }

    /// By upload, what stands of the PHQ-2.
    fn scores(&self) -> BTreeMap<String, Score> {
        let mut scores = BTreeMap::new();
        for (_, record) in self.broker.records(SCORES, 0) {
            let row: wire::Score<'_> = codec::decode("scores", record.value.as_deref(), None).unwrap();
            if row.instrument == "phq-2" {
                let score = Score {
                    instrument_version: row.instrument_version,
                    index_rule: row.index_rule.map(str::to_owned),
                    expected: row.expected.zip(row.expected_sd),
                    edition: row.curve_edition.map(str::to_owned),
                };
                scores.insert(row.upload_id.to_owned(), score);
            }
        }
        scores
    }

    /// Policies and causes of alerts about low spirits.
    fn alerts(&self) -> Vec<(String, String)> {
        let mut alerts = Vec::new();
        for (_, record) in self.broker.records(ALERTS, 0) {
            let row: wire::Alert<'_> = codec::decode("alerts", record.value.as_deref(), None).unwrap();
            if row.rule == "depression-screen" && row.revision == 1 {
                alerts.push((row.policy.to_owned(), row.cause_id.to_owned()));
            }
        }
        alerts
    }
}

#[derive(Clone, Debug, PartialEq)]
struct Score {
    instrument_version: i32,
    index_rule: Option<String>,
    expected: Option<(f64, f64)>,
    edition: Option<String>,
}

#[test]
fn a_new_version_of_an_instrument_a_plan_and_a_policy_holds_for_what_comes_after_it() {
    let mut ward = Ward::new();
    ward.answer("first", 1, 28);
    let before = ward.scores();
    let first = &before["first"];
    assert_eq!((first.instrument_version, first.index_rule.as_deref()), (1, Some("percent")));
    assert_eq!(ward.alerts(), []);

    ward.publish_changed(INSTRUMENT, "phq-2", "from = 3", "from = 2");
    ward.publish_changed(PLAN, "coronary-stent", "baseline_floor = 2\n", "baseline_floor = 5\n");
    ward.publish_changed(ALERT_POLICY, "stent-alerts", "above = 3\nclear = 2\n", "above = 2\nclear = 1\n");
    assert_eq!(ward.scores(), before, "what was judged stays");
    assert_eq!(ward.alerts(), []);

    ward.answer("second", 1, 42);
    let after = ward.scores();
    assert_eq!(after["first"], before["first"]);
    let second = &after["second"];
    assert_eq!((second.instrument_version, second.index_rule.as_deref()), (2, Some("points")));
    assert_eq!(ward.alerts(), [("stent-alerts@2".to_owned(), "second".to_owned())]);

    // What changes is judged as of now.
    ward.answer("first", 2, 28);
    let first = &ward.scores()["first"];
    assert_eq!((first.instrument_version, first.index_rule.as_deref()), (2, Some("points")));
}

#[test]
fn a_curve_from_elsewhere_judges_from_its_day_on_in_whatever_order_it_came() {
    let answer = |ward: &mut Ward| {
        ward.answer("january", 1, 28);
        ward.answer("february", 1, 42);
    };
    let mut first = Ward::new();
    first.publish(CURVE, "registry", 1, REGISTRY);
    answer(&mut first);

    let mut last = Ward::new();
    answer(&mut last);
    assert!(last.scores().values().all(|score| score.expected.is_none()));
    last.publish(CURVE, "registry", 1, REGISTRY);

    // While no task ran.
    let mut away = Ward::new();
    answer(&mut away);
    away.task = None;
    away.publish(CURVE, "registry", 1, REGISTRY);
    away.restart();

    let scores = first.scores();
    assert_eq!(scores["january"].expected, None, "answered before its day");
    assert_eq!(scores["february"].expected, Some((120.0, 25.0)));
    assert_eq!(scores["february"].edition.as_deref(), Some("prior:registry@1"));
    assert_eq!(last.scores(), scores);
    assert_eq!(away.scores(), scores);

    // A task that knew it when it stopped knows it when it goes on, and judges by the next version from its day on.
    let next = REGISTRY.replace("version = 1", "version = 2").replace("mean = 120", "mean = 110");
    for ward in [&mut first, &mut last, &mut away] {
        ward.restart();
        assert_eq!(ward.scores(), scores);
        ward.publish(CURVE, "registry", 2, &next.replace("2025-02-01", "2025-03-01"));
        ward.answer("march", 1, 70);
        let scores = ward.scores();
        assert_eq!(scores["february"].edition.as_deref(), Some("prior:registry@1"));
        assert_eq!(scores["march"].edition.as_deref(), Some("prior:registry@2"));
        assert_eq!(scores["march"].expected, Some((110.0, 25.0)));
    }
}
