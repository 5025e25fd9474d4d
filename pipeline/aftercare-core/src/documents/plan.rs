//! A plan as data: which instruments when, how the baseline is chosen, how the composite is formed.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::curve::{CurveRules, read_curve};
use super::decimal::Decimal;
use super::reader::{Fields, Problem, read_document};

/// When uploads are due: slot k of 1..=slots covers the calendar days
/// [T + k `every_days` - `every_days`/2, the same + `every_days`) of the episode's zone, T the day of treatment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Length of a slot in days, at least 1.
    pub every_days: i32,
    /// How many slots, at least 1.
    pub slots: i32,
}

/// One instrument of a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanInstrument {
    /// The instrument's id.
    pub id: Arc<str>,
    /// Which value set judges it; `None`: the instrument's default.
    pub value_set: Option<Arc<str>>,
    /// Below this oriented baseline, change is judged in points instead of per cent. Above 0.
    pub baseline_floor: f64,
    /// The smallest change that matters, where the plan states another than the instrument.
    pub mcid: Option<f64>,
    /// The standard error of measurement of one score, in the instrument's units: how far the scores of a patient whose
    /// state does not change stray. `None`: not known, so that no change can be told from chance.
    pub error: Option<f64>,
    /// Its weight in the composite, ten-thousandths; 0: no part of it.
    pub weight: i64,
}

/// What becomes of a composite when an upload lacks one of its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingPart {
    /// There is no composite for that upload.
    Absent,
    /// The weights of the parts present are scaled up.
    Renormalise,
}

/// A plan, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanDocument {
    /// The plan's id.
    pub id: Arc<str>,
    /// Its version.
    pub version: i32,
    /// What people call it.
    pub title: String,
    /// Which parts are assumptions, in words.
    pub assumptions: Vec<String>,
    /// A baseline is answered at most this many days (of 24 h) before the treatment.
    pub baseline_window_days: i32,
    /// When uploads are due.
    pub schedule: Schedule,
    /// The weight of a score in the weighted mean halves in this many days.
    pub ewma_half_life_days: i32,
    /// The instruments.
    pub instruments: Vec<PlanInstrument>,
    /// The composite's rule; `None`: the plan has none.
    pub composite: Option<MissingPart>,
    /// The alert policy's id; `None`: nothing is watched.
    pub alert_policy: Option<Arc<str>>,
    /// How expected outcome curves are made; `None`: the plan's patients are part of none and compared with none.
    pub curve: Option<CurveRules>,
}

impl PlanDocument {
    /// Reads and checks the TOML text of a plan.
    ///
    /// # Errors
    /// Every problem found, each with its place.
    pub fn parse(text: &str) -> Result<PlanDocument, Vec<Problem>> {
        read_document(text, read)
    }

    /// What the plan says about the instrument `id`.
    pub fn instrument(&self, id: &str) -> Option<&PlanInstrument> {
        self.instruments.iter().find(|instrument| &*instrument.id == id)
    }
}

fn read(fields: &mut Fields<'_>) -> Option<PlanDocument> {
    let id = fields.required::<String>("id");
    let version = fields.required::<i32>("version");
    let title = fields.required::<String>("title");
    let assumptions = fields.optional::<Vec<String>>("assumptions").unwrap_or_default();
    let baseline_window_days = fields.required::<i32>("baseline_window_days");
    let half_life_days = fields.required::<i32>("ewma_half_life_days");
    let alert_policy = fields.optional::<String>("alert_policy");
    let schedule = fields.table("schedule", read_schedule);
    fields.demand(fields.has("schedule"), "schedule", "is missing");
    let instruments = fields.tables("instruments", read_instrument);
    let composite = fields.table("composite", |fields| {
        fields.choice(
            "missing_part",
            &[("absent", MissingPart::Absent), ("renormalise", MissingPart::Renormalise)],
        )
    });
    let curve = fields.table("curve", read_curve);
    for (key, number) in [
        ("version", version),
        ("baseline_window_days", baseline_window_days),
        ("ewma_half_life_days", half_life_days),
    ] {
        fields.demand(number.is_none_or(|number| number > 0), key, "is not above 0");
    }
    fields.demand(!instruments.is_empty(), "instruments", "are missing");
    let mut ids = BTreeSet::new();
    fields.demand(instruments.iter().all(|each| ids.insert(&each.id)), "instruments", "have an id twice");
    let weights: i64 = instruments.iter().map(|instrument| instrument.weight).sum();
    let expected = if fields.has("composite") { Decimal::ONE } else { Decimal::ZERO };
    let message = if fields.has("composite") {
        "have weights whose sum is not 1"
    } else {
        "have weights without a composite"
    };
    fields.demand(weights == expected.ten_thousandths(), "instruments", message);
    Some(PlanDocument {
        id: id?.into(),
        version: version?,
        title: title?,
        assumptions,
        baseline_window_days: baseline_window_days?,
        schedule: schedule?,
        ewma_half_life_days: half_life_days?,
        instruments,
        composite,
        alert_policy: alert_policy.map(Arc::from),
        curve,
    })
}

fn read_schedule(fields: &mut Fields<'_>) -> Option<Schedule> {
    let every_days = fields.required::<i32>("every_days");
    let slots = fields.required::<i32>("slots");
    for (key, number) in [("every_days", every_days), ("slots", slots)] {
        fields.demand(
            number.is_none_or(|number| (1..=10_000).contains(&number)),
            key,
            "is not within 1 and 10000",
        );
    }
    Some(Schedule { every_days: every_days?, slots: slots? })
}

fn read_instrument(fields: &mut Fields<'_>) -> Option<PlanInstrument> {
    let id = fields.required::<String>("id");
    let value_set = fields.optional::<String>("value_set");
    let floor = fields.required::<Decimal>("baseline_floor");
    let mcid = fields.optional::<Decimal>("mcid");
    let error = fields.optional::<Decimal>("measurement_error");
    let weight = fields.optional::<Decimal>("weight").unwrap_or_default();
    fields.demand(floor.is_none_or(|floor| floor > Decimal::ZERO), "baseline_floor", "is not above 0");
    fields.demand(mcid.is_none_or(|mcid| mcid > Decimal::ZERO), "mcid", "is not above 0");
    let is_above = error.is_none_or(|error| error > Decimal::ZERO);
    fields.demand(is_above, "measurement_error", "is not above 0");
    fields.demand(weight >= Decimal::ZERO, "weight", "is below 0");
    Some(PlanInstrument {
        id: id?.into(),
        value_set: value_set.map(Arc::from),
        baseline_floor: floor?.to_f64(),
        mcid: mcid.map(Decimal::to_f64),
        error: error.map(Decimal::to_f64),
        weight: weight.ten_thousandths(),
    })
}
