//! What each score is compared with, from its definition: whose score it is, on which curve, at which time.

use aftercare_core::curve::personal::Coherence;
use aftercare_core::documents::{CurveRules, PlanDocument};
use jiff::Timestamp;

use super::enrolments::Episodes;
use super::rolling::as_f64;

/// The curve that an index belongs to, and where on it.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The instrument's or composite's curve.
    pub series: Series,
    /// Age band, sex and comorbidity, in the order of the plan, up to the first that is not known.
    pub levels: Vec<String>,
    /// From treatment to answer, ms.
    pub since_ms: i64,
    /// The bin of that time; `None` beyond the last.
    pub bin: Option<i32>,
    /// How one patient's deviations hang together, where the plan looks at them.
    pub personal: Option<Coherence>,
    /// The same patient's indices of the uploads before, with their places on the curve.
    pub earlier: Vec<Earlier>,
}

/// An index of an earlier upload.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Earlier {
    /// From treatment to answer, ms.
    pub since_ms: i64,
    /// The bin of that time; `None` beyond the last.
    pub bin: Option<i32>,
    /// The index.
    pub index: f64,
}

impl Comparison {
    /// From treatment to answer, days of 24 h.
    #[must_use]
    pub fn since_days(&self) -> f64 {
        days(self.since_ms)
    }
}

pub(crate) fn days(since_ms: i64) -> f64 {
    as_f64(since_ms) / 86_400_000.0
}

/// Procedure, instrument, plan of a composite.
pub type Series = (String, String, Option<String>);

/// The curve of one index answered at `answered_at`; `None` where nothing is compared.
pub(super) fn comparison(
    episode: &str,
    episodes: &Episodes,
    plan: &PlanDocument,
    instrument: &str,
    answered_at: i64,
    before: &[(i64, f64)],
) -> Option<Comparison> {
    let rules = plan.curve.as_ref()?;
    let procedure = episodes.whole(episode, |s| s.procedure)?.to_owned();
    let treated_at = episodes.treated_at(episode)?;
    let since_ms = answered_at - treated_at;
    if since_ms < 0 {
        return None;
    }
    let bin = |since_ms: i64| {
        let day = since_ms / 86_400_000;
        let within = |edges: &[i32]| i64::from(edges[0]) <= day && day < i64::from(edges[1]);
        let bin = rules.bin_edges_days.windows(2).position(within);
        bin.map(|bin| i32::try_from(bin).expect("bins are few"))
    };
    let before = before.iter().filter(|(at, _)| *at >= treated_at);
    let plan = (instrument == "composite").then(|| plan.id.to_string());
    Some(Comparison {
        series: (procedure, instrument.to_owned(), plan),
        levels: levels(episode, episodes, rules, treated_at),
        since_ms,
        bin: bin(since_ms),
        personal: rules.personal,
        earlier: before
            .map(|(at, index)| Earlier {
                since_ms: at - treated_at,
                bin: bin(at - treated_at),
                index: *index,
            })
            .collect(),
    })
}

fn levels(episode: &str, episodes: &Episodes, rules: &CurveRules, treated_at: i64) -> Vec<String> {
    let year = Timestamp::from_millisecond(treated_at).ok();
    let year = year.map(|at| i32::from(at.to_zoned_datetime(jiff::tz::TimeZone::UTC).year()));
    let age = episodes.whole(episode, |s| s.birth_year).zip(year).map(|(born, year)| year - born);
    let band = age.filter(|age| *age >= 0 && *age <= 120).map(|age| {
        let nth = age / rules.age_band_years;
        format!("{}-{}", nth * rules.age_band_years, (nth + 1) * rules.age_band_years - 1)
    });
    let sex = episodes.whole(episode, |s| s.sex).filter(|sex| *sex == "female" || *sex == "male");
    let group = episodes.whole(episode, |s| s.comorbidities.clone()).map(|codes| {
        let has = |beginning: &String| codes.iter().any(|code| code.starts_with(beginning.as_str()));
        let group = rules.comorbidity_groups.iter().find(|group| group.icd10.iter().any(has));
        group.map_or_else(|| "none".to_owned(), |group| group.name.to_string())
    });
    let sex = sex.map(str::to_owned);
    let known = rules.levels.iter().map(|level| match level.as_str() {
        "age_band" => band.clone(),
        "sex" => sex.clone(),
        _ => group.clone(),
    });
    known.take_while(Option::is_some).flatten().collect()
}
