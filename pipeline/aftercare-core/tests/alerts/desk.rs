//! One patient's alert book, with time and facts at hand.

use std::sync::Arc;

use aftercare_core::alert::{AlertBook, AlertChange, AlertStatus, Now};
use aftercare_core::documents::{ALERT_POLICY, Library, PLAN};
use aftercare_core::facts::{
    ActionFact, Answer, ClinicalFact, EnrolmentFact, FormFact, InputKind, RecordHead, RecordStatus, Source,
    UploadFact, VerdictFact,
};
use aftercare_core::metric::Metric;
use aftercare_core::patient::{Episode, OwnedAttribution, ScoreChange, ScoreStatus};
use aftercare_core::time::{Instant, MS_PER_DAY};
use aftercare_core::vital::VitalFact;

pub(crate) const MINUTE: i64 = 60_000;
pub(crate) const HOUR: i64 = 60 * MINUTE;
pub(crate) const DAY: i64 = MS_PER_DAY;
/// 2026-01-01T00:00Z, the day of the treatment.
pub(crate) const T: i64 = 1_767_225_600_000;

const PLAN_TEXT: &str = r#"
id = "plan"
version = 1
title = "A plan"
baseline_window_days = 90
ewma_half_life_days = 28
alert_policy = "policy"
[schedule]
every_days = 14
slots = 26
[composite]
missing_part = "absent"
[[instruments]]
id = "phq-9"
baseline_floor = 6
mcid = 5
weight = 1
"#;

const POLICY_HEAD: &str = r#"
id = "policy"
version = 3
title = "A policy"
historic_hours = 48
historic_event_hours = 336
nearing_percent = 70
[critical]
answer_minutes = 10
vip_answer_minutes = 5
escalate_to = ["local_doctor", "social_worker"]
[warning]
answer_minutes = 60
escalate_to = ["local_doctor"]
"#;

pub(crate) struct Desk {
    pub(crate) book: AlertBook,
    pub(crate) tick: i64,
    pub(crate) vip: bool,
    pub(crate) episode_status: Option<&'static str>,
    pub(crate) source: Source,
    /// Every row, in order.
    pub(crate) rows: Vec<AlertChange>,
    library: Library,
}

fn heart_rate(start: i64, mean: f64) -> VitalFact {
    VitalFact::Window {
        metric: metric("heart_rate"),
        device: Arc::from("watch-1"),
        start: Instant(start),
        readings: 5,
        mean,
        min: mean - 2.0,
        max: mean + 2.0,
    }
}

impl Desk {
    /// Rules in TOML, each `[[rules]]`.
    pub(crate) fn new(rules: &str) -> Desk {
        let mut library = Library::builtin();
        library.add(PLAN, "plan", 1, PLAN_TEXT).unwrap();
        library.add(ALERT_POLICY, "policy", 3, &format!("{POLICY_HEAD}{rules}")).unwrap();
        let (book, rows) = (AlertBook::default(), Vec::new());
        Desk { book, tick: T, vip: false, episode_status: None, source: Source::Live, rows, library }
    }

    /// Lets the book take something; answers how many rows came of it.
    pub(crate) fn with(
        &mut self,
        take: impl FnOnce(&mut AlertBook, &Now<'_>, &mut Vec<AlertChange>),
    ) -> usize {
        let episodes = [Episode { episode_status: self.episode_status, ..episode(self.vip) }];
        let now = Now { tick: Instant(self.tick), library: &self.library, episodes: &episodes };
        let before = self.rows.len();
        take(&mut self.book, &now, &mut self.rows);
        self.rows.len() - before
    }

    pub(crate) fn tick_to(&mut self, tick: i64) -> usize {
        let mut rows = 0;
        while let Some(due) = self.book.next_due().filter(|due| due.0 <= tick) {
            self.tick = self.tick.max(due.0);
            rows += self.with(|book, now, out| book.tick(now, out));
        }
        self.tick = tick;
        rows
    }

    pub(crate) fn head(&self, kind: InputKind, id: &'static str, at: i64) -> RecordHead<'static> {
        RecordHead {
            kind,
            id,
            revision: 1,
            status: RecordStatus::Final,
            source: self.source,
            event_at: Instant(at),
            digest: 0,
            retry: false,
        }
    }

    /// An upload judged: index, expected index, slope per day.
    pub(crate) fn score(
        &mut self,
        id: &str,
        at: i64,
        index: f64,
        expected: Option<f64>,
        slope: f64,
    ) -> usize {
        let instrument = "composite".into();
        let (index, slope_56d) = (Some(index), Some(slope));
        let row = ScoreChange { instrument, index, expected, slope_56d, ..self.row(id, at) };
        self.rows_of(&[row])
    }

    pub(crate) fn rows_of(&mut self, rows: &[ScoreChange]) -> usize {
        self.tick = self.tick.max(rows[0].uploaded_at.0);
        self.with(|book, now, out| book.take_scores(now, rows, out))
    }

    pub(crate) fn row(&self, id: &str, at: i64) -> ScoreChange {
        ScoreChange {
            episode_id: "e-1".into(),
            upload_id: id.into(),
            upload_revision: 1,
            instrument: "phq-9".into(),
            instrument_version: 1,
            value_set: "".into(),
            status: ScoreStatus::Scored,
            reason: None,
            answered_at: Instant(at),
            uploaded_at: Instant(at),
            stored_at: Instant(at),
            days_since_treatment: Some((at - T) as f64 / DAY as f64),
            respondent: "patient".into(),
            score: Some(5.0),
            scales: Vec::new(),
            baseline: Some(6.0),
            baseline_upload_id: Some("u-0".into()),
            index: None,
            index_rule: None,
            change_mcid: None,
            ewma: None,
            mean_28d: None,
            slope_56d: None,
            uploads_done: 0,
            uploads_due: 0,
            expected: None,
            expected_sd: None,
            expected_n: None,
            forecast: None,
            forecast_sd: None,
            level: None,
            change_errors: None,
            trend_errors: None,
            cohort: None,
            curve_edition: Some("pci-des@2026-01".into()),
            attribution: OwnedAttribution::default(),
            source: self.source,
        }
    }

    /// One PHQ-9 upload with this answer to its last item.
    pub(crate) fn answer(&mut self, id: &'static str, at: i64, code: i32) -> usize {
        let head = self.head(InputKind::PromResponse, id, at);
        self.answer_as(&head, at, code)
    }

    pub(crate) fn answer_as(&mut self, head: &RecordHead<'_>, at: i64, code: i32) -> usize {
        let answers = vec![Answer { item: "phq9_9", code: Some(code) }];
        let form = FormFact { instrument: "phq-9", instrument_version: None, answers };
        let fact = UploadFact {
            episode_id: Some("e-1"),
            answered_at: Instant(at),
            uploaded_at: Instant(at),
            respondent: "patient",
            forms: vec![form],
        };
        self.with(|book, now, out| book.take_answers(now, head, &fact, out))
    }

    /// A 5-minute window of the heart rate.
    pub(crate) fn window(&mut self, start: i64, mean: f64) -> usize {
        self.tick = self.tick.max(start + 5 * MINUTE);
        self.vital(&heart_rate(start, mean))
    }

    /// Whether such a window is passed over without a look at the patient.
    pub(crate) fn passes_over(&self, start: i64, mean: f64) -> bool {
        self.with_now(|book, now| !book.may_concern(now.library, &heart_rate(start, mean)))
    }

    pub(crate) fn vital(&mut self, fact: &VitalFact) -> usize {
        let source = self.source;
        let concerns = self.with_now(|book, now| {
            let concerns = book.concerns(now, fact);
            assert!(!concerns || book.may_concern(now.library, fact), "what concerns a book may concern it");
            concerns
        });
        let before = self.book.clone();
        let rows = self.with(|book, now, out| book.take_vital(now, fact, source, out));
        assert!(concerns || (rows == 0 && self.book == before), "a fact of no concern changed the book");
        rows
    }

    fn with_now<R>(&self, look: impl FnOnce(&AlertBook, &Now<'_>) -> R) -> R {
        let episodes = [Episode { episode_status: self.episode_status, ..episode(self.vip) }];
        look(&self.book, &Now { tick: Instant(self.tick), library: &self.library, episodes: &episodes })
    }

    pub(crate) fn value(&mut self, id: &'static str, at: i64, code: &str, value: f64) -> usize {
        let head = self.head(InputKind::ClinicalEvent, id, at);
        self.value_as(&head, code, value)
    }

    pub(crate) fn value_as(&mut self, head: &RecordHead<'_>, code: &str, value: f64) -> usize {
        self.value_in(head, code, value, None)
    }

    pub(crate) fn value_in(
        &mut self,
        head: &RecordHead<'_>,
        code: &str,
        value: f64,
        unit: Option<&str>,
    ) -> usize {
        let (kind, code, value) = ("measurement", Some(code), Some(value));
        let fact = ClinicalFact { kind, code, value, unit, ..Default::default() };
        self.tick = self.tick.max(head.event_at.0);
        self.with(|book, now, out| book.take_clinical(now, head, &fact, out))
    }

    pub(crate) fn session(&mut self, id: &'static str, at: i64, upload: &str, service: bool) -> usize {
        let head = self.head(InputKind::SessionVerdict, id, at);
        let fact = VerdictFact {
            clinician_id: "c-1",
            session_revision: 1,
            episode_id: Some("e-1"),
            upload_id: Some(upload),
            ended_at: Instant(at + MINUTE),
            service,
            reasons: if service { vec![] } else { vec!["too_short"] },
            duration_ms: 12_000,
            interactions: 1,
            sections_read: 1,
            burst_patients: 1,
            rule: "default@1",
        };
        self.with(|book, now, out| book.take_verdict(now, &head, &fact, out))
    }

    pub(crate) fn enrol(&mut self) -> usize {
        let fact = EnrolmentFact { episode_id: "e-1", ..Default::default() };
        let source = self.source;
        self.with(|book, now, out| book.take_enrolment(now, &fact, source, out))
    }

    pub(crate) fn act(&mut self, id: &'static str, alert_id: &str, kind: &str) -> usize {
        let head = self.head(InputKind::AlertAction, id, self.tick);
        let until = Some(Instant(self.tick + HOUR));
        self.act_as(&head, alert_id, kind, until)
    }

    pub(crate) fn act_as(
        &mut self,
        head: &RecordHead<'_>,
        alert_id: &str,
        kind: &str,
        snoozed_until: Option<Instant>,
    ) -> usize {
        let fact = ActionFact {
            alert_id,
            kind,
            actor_id: "n-1",
            actor_role: "care_manager",
            assignee_id: Some("n-2"),
            snoozed_until,
            outcome: Some("appointment"),
        };
        self.with(|book, now, out| book.take_action(now, head, &fact, out))
    }

    /// The newest row.
    pub(crate) fn last(&self) -> &AlertChange {
        self.rows.last().expect("there is a row")
    }

    /// Ids and status of all alerts, in the order in which they were raised.
    pub(crate) fn alerts(&self) -> Vec<(String, AlertStatus)> {
        let mut found: Vec<(String, AlertStatus)> = Vec::new();
        for row in &self.rows {
            match found.iter_mut().find(|(id, _)| *id == row.alert_id) {
                Some(known) => known.1 = row.status,
                None => found.push((row.alert_id.clone(), row.status)),
            }
        }
        found
    }
}

pub(crate) fn metric(name: &str) -> Metric {
    (1..=u8::MAX).map_while(Metric::at).find(|metric| metric.name() == name).unwrap()
}

fn episode(vip: bool) -> Episode<'static> {
    Episode {
        id: "e-1",
        procedure: Some("pci-des"),
        treated_at: Some(Instant(T)),
        device: None,
        manufacturer: None,
        birth_year: None,
        sex: None,
        comorbidities: Vec::new(),
        organisation: None,
        care_team: None,
        clinician_id: Some("c-1"),
        plan: Some("plan"),
        contract: None,
        vip: Some(vip),
        self_pay_consent: None,
        spo2_scale: None,
        time_zone: None,
        episode_status: None,
    }
}
