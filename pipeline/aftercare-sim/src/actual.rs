//! What came out of a run, gathered from output rows in any order: of the rows of one id the highest version stands,
//! as in the tables.

use std::collections::{BTreeMap, BTreeSet};

use aftercare_schemas::codec::{WireError, decode};
use aftercare_schemas::wire;

use crate::reference::{
    Attribution, ExpectedReview, ExpectedScore, ExpectedVital, ExpectedWindow, ReceiptKey, ReviewKey, Series,
    WindowKey,
};

/// Rows by id, each the one with the highest version.
#[derive(Clone, Debug)]
pub struct Rows<K, V>(BTreeMap<K, (u64, V)>);

impl<K, V> Default for Rows<K, V> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord, V> Rows<K, V> {
    fn add(&mut self, id: K, version: u64, row: V) {
        let known = self.0.get(&id).map(|(known, _)| *known);
        if known.is_none_or(|known| known <= version) {
            self.0.insert(id, (version, row));
        }
    }

    /// The row of an id.
    pub fn get(&self, id: &K) -> Option<&V> {
        self.0.get(id).map(|(_, row)| row)
    }

    /// All rows, by version.
    pub fn by_version(&self) -> Vec<(&K, &V)> {
        let mut rows: Vec<_> = self.0.iter().collect();
        rows.sort_by_key(|(_, (version, _))| *version);
        rows.into_iter().map(|(id, (_, row))| (id, row)).collect()
    }

    /// Takes a row out, as if it had never come.
    pub fn remove(&mut self, id: &K) {
        self.0.remove(id);
    }

    /// The row of an id, to be changed.
    pub fn get_mut(&mut self, id: &K) -> Option<&mut V> {
        self.0.get_mut(id).map(|(_, row)| row)
    }

    /// All rows, by id.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.0.iter().map(|(id, (_, row))| (id, row))
    }
}

/// One receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActualReceipt {
    /// accepted, held, unscored, rejected.
    pub outcome: String,
    /// Why.
    pub reason: Option<String>,
    /// Records of this identity.
    pub copies: u32,
    /// Of those, copies with the same content.
    pub duplicates: u32,
    /// Of those, copies with other content.
    pub conflicts: u32,
}

/// One record of a source that contributes to curves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActualContribution {
    /// The partition of the patient task.
    pub source: i32,
    /// Its sequence.
    pub sequence: u64,
    /// What it does.
    pub step: Step,
}

/// What a contribution does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// It adds an index.
    Add(Point),
    /// It takes one out.
    Take(Point),
    /// The period up to then has ended, ms since 1970 UTC.
    Boundary(i64),
}

/// One index on a curve.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    /// The curve.
    pub series: Series,
    /// Age band, sex and comorbidity, as far as they are known.
    pub levels: Vec<String>,
    /// The bin of time since treatment.
    pub bin: i32,
    /// The index.
    pub index_hundredths: i64,
    /// The score.
    pub score_id: String,
}

/// One cohort's curve in an edition.
#[derive(Clone, Debug, PartialEq)]
pub struct ActualEdition {
    /// The edition.
    pub edition: String,
    /// The cohort.
    pub cohort: String,
    /// The cohort above it.
    pub parent: Option<String>,
    /// The curve.
    pub series: Series,
    /// From when on it judges, ms since 1970 UTC.
    pub effective_from: i64,
    /// The end of its period.
    pub period_end: i64,
    /// Responses of the cohort above that are mixed in.
    pub prior_n: i32,
    /// Its bins.
    pub bins: Vec<wire::CurveBin>,
    /// By source the last sequence that it holds.
    pub sources: Vec<(i32, i64)>,
}

/// One alert, as far as statements speak of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of the schema `alerts`")]
pub struct ActualAlert {
    pub episode_id: String,
    pub rule: String,
    pub severity: String,
    pub status: String,
    pub historic: bool,
    pub cause_kind: String,
    pub cause_id: String,
    pub revision: i32,
    pub escalations: i32,
    pub answer_due_at: Option<i64>,
    pub stored_at: i64,
}

impl ActualAlert {
    /// Whether somebody still has to do something, now or later.
    pub fn is_unresolved(&self) -> bool {
        !matches!(self.status.as_str(), "resolved" | "withdrawn")
    }
}

/// One entry of the ledger, as far as statements speak of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "the fields are those of the schema `ledger`; texts that are absent are empty"
)]
pub struct ActualEntry {
    pub kind: wire::LedgerKind,
    pub contract: String,
    pub episode_id: String,
    pub component: String,
    pub component_id: String,
    pub payer: String,
    pub payee: String,
    pub accounts: (String, String),
    pub amount_minor: i64,
    pub service_period: String,
    pub booking_period: String,
    pub reason: String,
    pub reverses: String,
    /// Names and values.
    pub evidence: Vec<(String, String)>,
}

impl ActualEntry {
    /// The last word on something that it rests on.
    pub fn evidence(&self, name: &str) -> Option<&str> {
        self.evidence.iter().rfind(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Consecutive sequences of one output partition whose insert was confirmed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Run {
    /// The output topic, without prefix.
    pub topic: String,
    /// Its partition.
    pub partition: i32,
    /// The first sequence, from 1.
    pub first: u64,
    /// The last sequence.
    pub last: u64,
    /// Rows inserted.
    pub rows: u64,
}

/// Patient, device, day, outcome, reason.
type CountKey = (String, String, i32, String, String);

/// Patient, device, metric, when measured.
pub type ReadingKey = (String, String, String, i64);

/// All that came out.
#[derive(Clone, Debug, Default)]
pub struct Actual {
    /// Scores by score id, withdrawn ones among them.
    pub scores: Rows<String, ExpectedScore>,
    /// Receipts.
    pub receipts: Rows<ReceiptKey, ActualReceipt>,
    /// Reviews, withdrawn ones among them.
    pub reviews: Rows<ReviewKey, ExpectedReview>,
    /// Alerts by alert id.
    pub alerts: Rows<String, ActualAlert>,
    /// Every alert was read: one that is not here is missing.
    pub has_all_alerts: bool,
    /// Version and revision of every row of each alert, by version.
    pub alert_rows: BTreeMap<String, Vec<(u64, i32)>>,
    /// Windows.
    pub windows: Rows<WindowKey, ExpectedWindow>,
    /// Windows computed again after late readings; `None`: nobody did, and nothing is said about them.
    pub late_windows: Option<Rows<WindowKey, ExpectedWindow>>,
    /// Records and readings.
    pub counts: Rows<CountKey, (u64, u64)>,
    /// Readings that came too late for their window.
    pub late: BTreeSet<ReadingKey>,
    /// Dead letters by topic, partition and offset: reason, and whether there is a receipt.
    pub dead_letters: BTreeMap<(String, i32, i64), (String, bool)>,
    /// What was contributed to curves, in the order of the log; `None`: it was not read, and nothing is said about
    /// curves.
    pub contributions: Option<Vec<ActualContribution>>,
    /// The editions of curves, in the order of the log.
    pub editions: Vec<ActualEdition>,
    /// Entries of the ledger but markers, by entry id; `None`: it was not read, and nothing is said about money.
    pub ledger: Option<Rows<String, ActualEntry>>,
    /// What vital signs add up to, by id; `None`: it was not read, and nothing is said about it.
    pub vitals: Option<Rows<String, ExpectedVital>>,
    /// Coverage.
    pub coverage: BTreeSet<Run>,
}

impl Actual {
    /// Of a run all of whose topics are read: what is not there is missing.
    #[must_use]
    pub fn of_all_topics() -> Self {
        let (contributions, ledger, vitals) =
            (Some(Vec::new()), Some(Rows::default()), Some(Rows::default()));
        Self { contributions, ledger, vitals, has_all_alerts: true, ..Self::default() }
    }

    /// Takes a record of an output topic (named without prefix; of dead letters `value` is what their header
    /// `aftercare.dead-letter` holds). Records of other topics are left aside.
    ///
    /// # Errors
    /// When the value is not what the topic carries.
    pub fn add(&mut self, topic: &str, value: Option<&[u8]>) -> Result<(), WireError> {
        match topic {
            "scores" => self.add_score(&decode(topic, value, None)?),
            "receipts" => self.add_receipt(&decode(topic, value, None)?),
            "reviews" => self.add_review(&decode(topic, value, None)?),
            "alerts" => self.add_alert(&decode(topic, value, None)?),
            "windows" => self.add_window(&decode(topic, value, None)?),
            "reading-receipts" => self.add_reading_receipt(&decode(topic, value, None)?),
            "late-readings" => self.add_late_reading(&decode(topic, value, None)?),
            "vital-scores" => self.add_vital(&decode(topic, value, None)?),
            "ledger" => self.add_entry(&decode(topic, value, None)?),
            "curve-contributions" => self.add_contribution(&decode(topic, value, None)?),
            "curve-editions" => self.add_edition(&decode(topic, value, None)?),
            "dead-letters" => self.add_dead_letter(&decode(topic, value, None)?),
            _ => {}
        }
        Ok(())
    }

    /// Takes a score row.
    pub fn add_score(&mut self, row: &wire::Score) {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let score = ExpectedScore {
            patient_id: row.patient_id.to_owned(),
            upload_revision: row.upload_revision,
            status: row.status.to_owned(),
            reason: owned(row.reason),
            answered_at: row.answered_at,
            value_set: row.value_set.to_owned(),
            score: row.score,
            scales: row.scales.iter().map(|scale| (scale.name.to_owned(), scale.value)).collect(),
            baseline: row.baseline,
            baseline_upload_id: owned(row.baseline_upload_id),
            index: row.index,
            index_rule: owned(row.index_rule),
            days_since_treatment: row.days_since_treatment,
            change_mcid: row.change_mcid,
            ewma: row.ewma,
            mean_28d: row.mean_28d,
            slope_56d: row.slope_56d,
            uploads_done: row.uploads_done,
            uploads_due: row.uploads_due,
            attribution: attribution([
                row.organisation,
                row.care_team,
                row.clinician_id,
                row.manufacturer,
                row.procedure,
            ]),
            expected: row.expected,
            expected_sd: row.expected_sd,
            expected_n: row.expected_n,
            forecast: row.forecast,
            forecast_sd: row.forecast_sd,
            level: row.level,
            change_errors: row.change_errors,
            trend_errors: row.trend_errors,
            cohort: owned(row.cohort),
            curve_edition: owned(row.curve_edition),
        };
        self.scores.add(row.score_id.to_owned(), row.version, score);
    }

    /// Takes a contribution to a curve.
    pub fn add_contribution(&mut self, row: &wire::CurveContribution) {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        // The cohort's name, without the procedure.
        let levels = row.cohort.and_then(|cohort| cohort.get(row.procedure.len() + 1..));
        let point = || Point {
            series: (row.procedure.to_owned(), owned(row.instrument).unwrap_or_default(), owned(row.plan)),
            levels: levels.into_iter().flat_map(|levels| levels.split('/')).map(str::to_owned).collect(),
            bin: row.bin.unwrap_or(-1),
            index_hundredths: row.index_hundredths.unwrap_or(0),
            score_id: owned(row.score_id).unwrap_or_default(),
        };
        let step = match row.kind {
            wire::ContributionKind::Add => Step::Add(point()),
            wire::ContributionKind::Take => Step::Take(point()),
            _ => Step::Boundary(row.period_end.unwrap_or(0)),
        };
        let sequence = row.version & ((1 << 48) - 1);
        let contribution = ActualContribution { source: row.source_partition, sequence, step };
        self.contributions.get_or_insert_default().push(contribution);
    }

    /// Takes one cohort's curve of an edition.
    pub fn add_edition(&mut self, row: &wire::CurveEdition) {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        self.editions.push(ActualEdition {
            edition: row.edition.to_owned(),
            cohort: row.cohort.to_owned(),
            parent: owned(row.parent),
            series: (row.procedure.to_owned(), row.instrument.to_owned(), owned(row.plan)),
            effective_from: row.effective_from,
            period_end: row.period_end,
            prior_n: row.prior_n,
            bins: row.bins.clone(),
            sources: row.sources.iter().map(|source| (source.partition, source.last_sequence)).collect(),
        });
    }

    /// Takes a receipt row.
    pub fn add_receipt(&mut self, row: &wire::Receipt) {
        let key = (row.patient_id.to_owned(), row.topic.to_owned(), row.id.to_owned(), row.revision);
        let receipt = ActualReceipt {
            outcome: row.outcome.to_owned(),
            reason: row.reason.map(str::to_owned),
            copies: row.copies,
            duplicates: row.duplicates,
            conflicts: row.conflicts,
        };
        self.receipts.add(key, row.version, receipt);
    }

    /// Takes a review row.
    pub fn add_review(&mut self, row: &wire::Review) {
        let review = ExpectedReview {
            status: row.status.to_owned(),
            reviewer_id: row.reviewer_id.to_owned(),
            episode_id: row.episode_id.map(str::to_owned),
            upload_id: row.upload_id.map(str::to_owned),
            began_at: row.began_at,
            ended_at: row.ended_at,
            duration_ms: row.duration_ms,
            interactions: row.interactions,
            sections_read: row.sections_read,
            burst_patients: row.burst_patients,
            verdict: row.verdict.to_owned(),
            reasons: row.reasons.iter().map(|reason| (*reason).to_owned()).collect(),
            rule: row.rule.to_owned(),
            source: row.source.to_owned(),
            attribution: attribution([
                row.organisation,
                row.care_team,
                row.clinician_id,
                row.manufacturer,
                row.procedure,
            ]),
        };
        self.reviews.add((row.patient_id.to_owned(), row.review_id.to_owned()), row.version, review);
    }

    /// Takes a row of an alert.
    pub fn add_alert(&mut self, row: &wire::Alert) {
        let alert = ActualAlert {
            episode_id: row.episode_id.unwrap_or_default().to_owned(),
            rule: row.rule.to_owned(),
            severity: row.severity.to_owned(),
            status: row.status.to_owned(),
            historic: row.historic,
            cause_kind: row.cause_kind.to_owned(),
            cause_id: row.cause_id.to_owned(),
            revision: row.revision,
            escalations: row.escalations,
            answer_due_at: row.answer_due_at,
            stored_at: row.stored_at,
        };
        let rows = self.alert_rows.entry(row.alert_id.to_owned()).or_default();
        // A row that was inserted again is the same row.
        if let Err(place) = rows.binary_search(&(row.version, row.revision)) {
            rows.insert(place, (row.version, row.revision));
        }
        self.alerts.add(row.alert_id.to_owned(), row.version, alert);
    }

    /// Takes a row of what vital signs add up to.
    pub fn add_vital(&mut self, row: &wire::VitalScore) {
        let vital = ExpectedVital {
            measured_at: row.measured_at,
            value: row.value,
            median: row.median,
            robust_z: row.robust_z,
            parts: row.parts.iter().map(|part| (part.name.to_owned(), part.value)).collect(),
            span: (0, 0),
        };
        self.vitals.get_or_insert_default().add(row.vital_id.to_owned(), row.version, vital);
    }

    /// Takes an entry of the ledger.
    pub fn add_entry(&mut self, row: &wire::LedgerEntry) {
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let entry = ActualEntry {
            kind: row.kind,
            contract: text(row.contract),
            episode_id: text(row.episode_id),
            component: text(row.component),
            component_id: text(row.component_id),
            payer: text(row.payer),
            payee: text(row.payee),
            accounts: (text(row.debit_account), text(row.credit_account)),
            amount_minor: row.amount_minor,
            service_period: text(row.service_period),
            booking_period: text(row.booking_period),
            reason: text(row.reason),
            reverses: text(row.reverses),
            evidence: row.evidence.iter().map(|e| (e.name.to_owned(), e.value.to_owned())).collect(),
        };
        let ledger = self.ledger.get_or_insert_default();
        if row.kind != wire::LedgerKind::Marker {
            ledger.add(row.entry_id.to_owned(), row.version, entry);
        }
    }

    /// Takes a window row.
    pub fn add_window(&mut self, row: &wire::Window) {
        let (key, window) = window(row);
        self.windows.add(key, row.version, window);
    }

    /// Takes the row of a window that was computed again after late readings.
    pub fn add_late_window(&mut self, row: &wire::Window) {
        let (key, window) = window(row);
        self.late_windows.get_or_insert_default().add(key, row.version, window);
    }

    /// Takes a row of counts.
    pub fn add_reading_receipt(&mut self, row: &wire::ReadingReceipt) {
        let (outcome, reason) = (row.outcome.to_owned(), row.reason.to_owned());
        let key = (row.patient_id.to_owned(), row.device_id.to_owned(), row.day, outcome, reason);
        self.counts.add(key, row.version, (row.records, row.readings));
    }

    /// Takes a late reading.
    pub fn add_late_reading(&mut self, row: &wire::LateReading) {
        let (patient, device) = (row.patient_id.to_owned(), row.device_id.to_owned());
        self.late.insert((patient, device, row.metric.to_owned(), row.measured_at));
    }

    /// Takes a dead letter.
    pub fn add_dead_letter(&mut self, row: &wire::DeadLetter) {
        let key = (row.topic.to_owned(), row.partition, row.offset);
        self.dead_letters.insert(key, (row.reason.to_owned(), row.receipt));
    }

    /// Takes a coverage row.
    pub fn add_run(&mut self, run: Run) {
        self.coverage.insert(run);
    }
}

fn window(row: &wire::Window) -> (WindowKey, ExpectedWindow) {
    let (patient, device) = (row.patient_id.to_owned(), row.device_id.to_owned());
    let window = ExpectedWindow {
        readings: row.readings,
        mean: row.mean,
        sd: row.sd,
        min: row.min,
        max: row.max,
        quantiles: [row.p10, row.p50, row.p90].map(|value| value.unwrap_or(f64::INFINITY)),
        coverage: row.coverage.unwrap_or(f64::INFINITY),
        in_range: row.in_range,
        values: 0,
    };
    ((patient, device, row.metric.to_owned(), row.window_start, row.length_s), window)
}

fn attribution(texts: [Option<&str>; 5]) -> Attribution {
    texts.map(|text| text.map(str::to_owned))
}
