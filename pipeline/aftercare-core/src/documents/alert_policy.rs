//! An alert policy as data: which rules watch a patient, how severe what they find is, who sees it, and by when a person
//! must have answered.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::reader::Problem;
use crate::metric::Metric;
use crate::time::Millis;

/// How bad it is. The order is that of the list: the worst is the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Somebody should look, within hours or days.
    Warning,
    /// A person answers within minutes.
    Critical,
}

impl Severity {
    /// All, the least first.
    pub const ALL: [Severity; 3] = [Severity::Info, Severity::Warning, Severity::Critical];

    /// The word that documents and outputs carry.
    pub const fn as_str(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        }
    }
}

/// Who sees an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Role {
    CareManager,
    Clinician,
    LocalDoctor,
    CrisisLine,
    Psychiatrist,
    SocialWorker,
}

impl Role {
    /// All, by the number under which the state keeps them.
    pub const ALL: [Role; 6] = [
        Role::CareManager,
        Role::Clinician,
        Role::LocalDoctor,
        Role::CrisisLine,
        Role::Psychiatrist,
        Role::SocialWorker,
    ];

    /// The word that documents and outputs carry.
    pub const fn as_str(self) -> &'static str {
        match self {
            Role::CareManager => "care_manager",
            Role::Clinician => "clinician",
            Role::LocalDoctor => "local_doctor",
            Role::CrisisLine => "crisis_line",
            Role::Psychiatrist => "psychiatrist",
            Role::SocialWorker => "social_worker",
        }
    }
}

/// On which side of a limit the trouble lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// At or above it.
    Above,
    /// At or below it.
    Below,
}

impl Side {
    /// Whether `value` lies on this side of `limit`, or on it.
    pub fn holds(self, value: f64, limit: f64) -> bool {
        match self {
            Side::Above => value >= limit,
            Side::Below => value <= limit,
        }
    }
}

/// Which way a value leaves the patient's own baseline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Away {
    /// Upwards only.
    Up,
    /// Downwards only.
    Down,
    /// Either way.
    Either,
}

/// The limits of a drug's level from one month after the treatment on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LevelBand {
    /// It holds before this month (of 30 days) after the treatment is over; the last band holds for good.
    pub until_month: i32,
    /// The lowest level that is well, in the unit of the laboratory value.
    pub at_least: f64,
    /// The highest level that is well.
    pub at_most: f64,
}

/// A fall that is more than the error of measurement, and more than nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fall {
    /// Met from so many standard errors down on, all instruments of the upload taken together.
    pub errors: f64,
    /// Over when it is less than so many.
    pub clear_errors: f64,
    /// In at least one instrument the score lies so many smallest changes that matter below the patient's own level.
    pub mcid: f64,
}

/// What a rule watches, with its limits. "Clear" is the limit at which a condition that was met is over.
#[derive(Clone, Debug, PartialEq)]
pub enum RuleKind {
    /// A response below what is expected: by each of the measures that are stated.
    BelowExpected {
        /// The index as a percentage of what comparable patients report: met below the first, over from the second on.
        percent: Option<(f64, f64)>,
        /// Met only while the course goes down.
        trending_down: bool,
        /// Met at so many standard deviations below what the patient's own earlier responses let expect (without any:
        /// what comparable patients report); over once it is not below.
        forecast_sds: Option<f64>,
        /// Met only if the patient fell from the own level of the last responses.
        fall: Option<Fall>,
        /// Met when so many responses in a row are below. One that can't be compared ends the row.
        responses: i32,
    },
    /// A decline over several responses: a slope beyond its standard error.
    RapidDecline {
        /// Whose scores count; empty: every instrument of the upload.
        instruments: Vec<Arc<str>>,
        /// How steep.
        fall: Fall,
    },
    /// One answer that can't wait. Each upload that has it is a matter of its own.
    SingleAnswer {
        /// The instrument.
        instrument: Arc<str>,
        /// The item's code.
        item: Arc<str>,
        /// Met from this answer code on.
        code_at_least: i32,
    },
    /// An instrument's own score.
    SevereScore {
        /// The instrument.
        instrument: Arc<str>,
        /// On which side of the limit the trouble lies.
        side: Side,
        /// The limit, in the instrument's units.
        limit: f64,
        /// Over once the score lies on the other side of this.
        clear: f64,
    },
    /// The mean of 5-minute windows, for some time without a break.
    SustainedVital {
        /// What is measured.
        metric: Metric,
        /// On which side of the limit the trouble lies.
        side: Side,
        /// The limit, in the metric's unit.
        limit: f64,
        /// Over once a window lies on the other side of this.
        clear: f64,
        /// How long all windows must lie beyond the limit.
        minutes: i32,
        /// Windows further apart than this do not belong together.
        gap_minutes: i32,
    },
    /// The early warning score NEWS2.
    News2 {
        /// Met from this score on.
        at_least: Option<i32>,
        /// Met when any single vital has three points.
        any_three: bool,
        /// Over below this score, if no single vital has three points.
        clear_below: i32,
        /// Scores further apart than this do not belong together.
        gap_hours: i32,
    },
    /// A day's value far from the patient's own 28 days before.
    OwnBaseline {
        /// What is measured.
        metric: Metric,
        /// Which way.
        away: Away,
        /// Met from this many robust standard deviations on.
        z: f64,
        /// Over below this many.
        clear_z: f64,
    },
    /// Systolic pressure that rises steeply. Rises closer to each other than the gap are one matter.
    PressureSurge {
        /// Met from this rise on, mmHg.
        rise: f64,
        /// Met only if it ends at or above this, mmHg.
        to_at_least: f64,
        /// Rises further apart than this are matters of their own.
        gap_hours: i32,
    },
    /// A slot of the plan's schedule that ended without an upload.
    OverdueUpload {
        /// Days (of 24 h) to wait after the slot's end.
        grace_days: i32,
    },
    /// A device that was heard and is no more.
    QuietDevice {
        /// Hours without a window.
        hours: i32,
        /// A device not heard for so many days is taken for given back: nobody is to look for it any more.
        given_back_days: i32,
    },
    /// Doses taken of doses due over some days.
    Adherence {
        /// Met below this percentage.
        below_percent: f64,
        /// Over from this percentage on.
        clear_percent: f64,
        /// Over how many days, the newest included.
        days: i32,
        /// Not judged below so many doses due.
        due_min: i32,
    },
    /// A clinician's session that was no service. Each upload of each clinician is a matter of its own.
    SuperficialUse,
    /// A laboratory value that was low once and is high now.
    LaboratoryRise {
        /// Codes of the value, in any code system.
        codes: Vec<Arc<str>>,
        /// It must have been at or below this; it is over there too.
        after_at_most: f64,
        /// Met from this on.
        at_least: f64,
    },
    /// A laboratory value that stayed low for long.
    LaboratoryHeld {
        /// Codes of the value, in any code system.
        codes: Vec<Arc<str>>,
        /// Every value is at or below this; one above it ends it.
        at_most: f64,
        /// For how long, from the first to the newest value.
        days: i32,
        /// By how many values at least.
        values_min: i32,
    },
    /// A laboratory value higher than the one before.
    LaboratoryIncrease {
        /// Codes of the value, in any code system.
        codes: Vec<Arc<str>>,
        /// Met from so many times the value before on. One that is lower than the one before ends it.
        factor: f64,
        /// Met from this on.
        at_least: f64,
    },
    /// The level of a drug before the next dose.
    LaboratoryLimits {
        /// Codes of the value, in any code system.
        codes: Vec<Arc<str>>,
        /// Records don't say when the last dose was taken; so many hours are assumed, and named as evidence.
        hours_since_dose: i32,
        /// By months since treatment, in order.
        bands: Vec<LevelBand>,
    },
}

impl RuleKind {
    /// Its name, one of [`RULE_KINDS`].
    pub const fn name(&self) -> &'static str {
        match self {
            RuleKind::BelowExpected { .. } => "below-expected",
            RuleKind::RapidDecline { .. } => "rapid-decline",
            RuleKind::SingleAnswer { .. } => "single-answer",
            RuleKind::SevereScore { .. } => "severe-score",
            RuleKind::SustainedVital { .. } => "sustained-vital",
            RuleKind::News2 { .. } => "news2",
            RuleKind::OwnBaseline { .. } => "own-baseline",
            RuleKind::PressureSurge { .. } => "pressure-surge",
            RuleKind::OverdueUpload { .. } => "overdue-upload",
            RuleKind::QuietDevice { .. } => "quiet-device",
            RuleKind::Adherence { .. } => "adherence",
            RuleKind::SuperficialUse => "superficial-use",
            RuleKind::LaboratoryRise { .. } => "laboratory-rise",
            RuleKind::LaboratoryHeld { .. } => "laboratory-held",
            RuleKind::LaboratoryIncrease { .. } => "laboratory-increase",
            RuleKind::LaboratoryLimits { .. } => "laboratory-limits",
        }
    }

    /// The codes of the laboratory value that it looks at; empty: it looks at none.
    pub fn codes(&self) -> &[Arc<str>] {
        match self {
            RuleKind::LaboratoryRise { codes, .. }
            | RuleKind::LaboratoryHeld { codes, .. }
            | RuleKind::LaboratoryIncrease { codes, .. }
            | RuleKind::LaboratoryLimits { codes, .. } => codes,
            _ => &[],
        }
    }

    /// Whether it looks at the laboratory value of that code.
    pub fn has_code(&self, code: &str) -> bool {
        self.codes().iter().any(|own| **own == *code)
    }

    /// The instruments, and the item of one, that the rule names.
    pub fn named(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        let (one, many): (_, &[Arc<str>]) = match self {
            RuleKind::SingleAnswer { instrument, item, .. } => (Some((&**instrument, Some(&**item))), &[]),
            RuleKind::SevereScore { instrument, .. } => (Some((&**instrument, None)), &[]),
            RuleKind::RapidDecline { instruments, .. } => (None, instruments),
            _ => (None, &[]),
        };
        one.into_iter().chain(many.iter().map(|instrument| (&**instrument, None)))
    }

    /// How many responses in a row must meet it, where one is not enough.
    pub const fn in_a_row(&self) -> Option<i32> {
        match self {
            RuleKind::BelowExpected { responses, .. } if *responses > 1 => Some(*responses),
            _ => None,
        }
    }

    /// Whether what was met once more, without having been over in between, is a matter of its own all the same.
    pub const fn is_each(&self) -> bool {
        matches!(self, RuleKind::SingleAnswer { .. } | RuleKind::SuperficialUse)
    }

    /// Whether it is toward the service itself, not about the patient.
    pub const fn is_of_service(&self) -> bool {
        matches!(self, RuleKind::SuperficialUse)
    }

    /// How long after the time of its cause the condition is found at the earliest.
    pub const fn waits(&self) -> Millis {
        match self {
            RuleKind::OverdueUpload { grace_days } => Millis::days(*grace_days as i64),
            _ => Millis(0),
        }
    }

    /// Facts further apart than this do not belong together; `None`: however far apart they are.
    pub const fn gap(&self) -> Option<Millis> {
        match self {
            RuleKind::SustainedVital { gap_minutes, .. } => Some(Millis::seconds(*gap_minutes as i64 * 60)),
            RuleKind::News2 { gap_hours, .. } | RuleKind::PressureSurge { gap_hours, .. } => {
                Some(Millis::seconds(*gap_hours as i64 * 3_600))
            }
            _ => None,
        }
    }
}

/// What alert policies look for in 5-minute windows, all versions together: what is not among it concerns no policy.
#[derive(Clone, Debug, Default)]
pub struct WatchedWindows {
    /// On which side of which limit windows of a metric are not over.
    limits: Vec<(Metric, Side, f64)>,
    devices: bool,
}

impl WatchedWindows {
    pub(super) fn add(&mut self, policy: &AlertPolicyDocument) {
        for rule in &policy.rules {
            match &rule.kind {
                RuleKind::SustainedVital { metric, side, clear, .. } => {
                    self.limits.push((*metric, *side, *clear));
                }
                RuleKind::QuietDevice { .. } => self.devices = true,
                _ => {}
            }
        }
    }

    /// Whether a window of that mean, in the metric's unit, lies beyond a limit.
    pub fn is_beyond(&self, metric: Metric, mean: f64) -> bool {
        self.limits.iter().any(|(own, side, clear)| *own == metric && side.holds(mean, *clear))
    }

    /// Whether the metric has a limit at all.
    pub fn has_limit(&self, metric: Metric) -> bool {
        self.limits.iter().any(|(own, ..)| *own == metric)
    }

    /// Whether devices are listened to: some policy says when one was silent too long.
    pub fn hears_devices(&self) -> bool {
        self.devices
    }
}

/// The names of all kinds of rules.
pub const RULE_KINDS: [&str; 16] = [
    "below-expected",
    "rapid-decline",
    "single-answer",
    "severe-score",
    "sustained-vital",
    "news2",
    "own-baseline",
    "pressure-surge",
    "overdue-upload",
    "quiet-device",
    "adherence",
    "superficial-use",
    "laboratory-rise",
    "laboratory-held",
    "laboratory-increase",
    "laboratory-limits",
];

/// By when a person must have answered, and who is asked next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Minutes; `None`: no limit.
    pub minutes: Option<i32>,
    /// Minutes for a VIP patient; `None`: as for everyone.
    pub vip_minutes: Option<i32>,
    /// Who sees it besides when nobody answered: one more each time.
    pub escalate_to: Vec<Role>,
}

/// The unit in which a laboratory value is judged, and those from which it is converted.
#[derive(Clone, Debug, PartialEq)]
pub struct ValueUnit {
    /// UCUM.
    pub code: Arc<str>,
    /// Other units: of each its code, and by what a value in it is multiplied.
    pub factors: Vec<(Arc<str>, f64)>,
}

impl ValueUnit {
    /// By what a value in `unit` is multiplied; `None`: it is not known how.
    pub fn factor(&self, unit: &str) -> Option<f64> {
        if *self.code == *unit {
            return Some(1.0);
        }
        self.factors.iter().find(|(own, _)| **own == *unit).map(|(_, factor)| *factor)
    }
}

/// One rule.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertRule {
    /// Its id within the policy; part of the alerts' ids.
    pub id: Arc<str>,
    /// What it watches.
    pub kind: RuleKind,
    /// The unit of a laboratory value's limits; `None`: values are taken as they come, whatever their unit.
    pub unit: Option<ValueUnit>,
    /// How bad it is.
    pub severity: Severity,
    /// Who sees it, in this order. What is about the patient the clinician sees too.
    pub routes: Vec<Role>,
    /// By when it must be answered.
    pub answer: Answer,
    /// While the condition lasts it is raised again so long after somebody resolved it; `None`: only once it was over.
    pub quiet: Option<Millis>,
}

/// An alert policy, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertPolicyDocument {
    /// The policy's id.
    pub id: Arc<str>,
    /// Its version.
    pub version: i32,
    /// What people call it.
    pub title: String,
    /// Which parts are assumptions, in words.
    pub assumptions: Vec<String>,
    /// What was uploaded (a reading: measured) longer ago than this is history and notifies no one.
    pub historic_after: Millis,
    /// The same for events such as laboratory values, by when they happened: results take days.
    pub historic_event_after: Millis,
    /// An alert whose time to answer has passed by this percentage is issued again, so that people see it coming.
    pub nearing_percent: i32,
    /// The rules, in the order in which they are applied.
    pub rules: Vec<AlertRule>,
}

impl AlertPolicyDocument {
    /// Reads and checks the TOML text of a policy.
    ///
    /// # Errors
    /// Every problem found, each with its place.
    pub fn parse(text: &str) -> Result<AlertPolicyDocument, Vec<Problem>> {
        super::read_alert_policy::parse(text)
    }

    /// The rule of that id.
    pub fn rule(&self, id: &str) -> Option<&AlertRule> {
        self.rules.iter().find(|rule| *rule.id == *id)
    }
}
