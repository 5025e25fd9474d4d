//! The part of a plan that says how expected outcome curves are made: cohorts, bins of time, borrowing.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::decimal::Decimal;
use super::reader::Fields;
use crate::curve::personal::Coherence;
use crate::time::Millis;

/// The most levels of a cohort below the procedure.
pub const COHORT_LEVELS: usize = 3;

/// What narrows a cohort.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CohortLevel {
    /// The age band at treatment.
    AgeBand,
    /// female or male.
    Sex,
    /// The comorbidity group.
    Comorbidity,
}

impl CohortLevel {
    /// All of them, in the order of plans that state none.
    pub const ALL: [CohortLevel; COHORT_LEVELS] =
        [CohortLevel::AgeBand, CohortLevel::Sex, CohortLevel::Comorbidity];

    /// The word that plans use.
    pub const fn as_str(self) -> &'static str {
        match self {
            CohortLevel::AgeBand => "age_band",
            CohortLevel::Sex => "sex",
            CohortLevel::Comorbidity => "comorbidity",
        }
    }

    /// What a level of a cohort's path is: the texts of the three differ, since no group may have the name of a sex or
    /// of an age band.
    pub fn of(text: &str) -> CohortLevel {
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        match text {
            "female" | "male" => CohortLevel::Sex,
            _ if text.split_once('-').is_some_and(|(from, to)| is_number(from) && is_number(to)) => {
                CohortLevel::AgeBand
            }
            _ => CohortLevel::Comorbidity,
        }
    }
}

/// A named group of comorbidities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComorbidityGroup {
    /// Its name, a level of a cohort's path.
    pub name: Arc<str>,
    /// Beginnings of ICD-10 codes that belong to it.
    pub icd10: Vec<String>,
}

/// How curves are made of the responses of a plan's patients. The period of an edition is the calendar month in UTC.
#[derive(Clone, Debug, PartialEq)]
pub struct CurveRules {
    /// Days (of 24 h) from the end of a period until its edition judges.
    pub lead_days: i32,
    /// What narrows a cohort below the procedure, from the widest level down; each at most once.
    pub levels: Vec<CohortLevel>,
    /// Width of an age band in years.
    pub age_band_years: i32,
    /// Groups in the order in which they are tried; the first that matches is the patient's.
    pub comorbidity_groups: Vec<ComorbidityGroup>,
    /// Edges of the bins in days (of 24 h) since the treatment, ascending from 0: bin k is [edge k, edge k+1).
    pub bin_edges_days: Vec<i32>,
    /// How many responses of the parent's mean are mixed into a cohort's.
    pub prior_n: i32,
    /// Quantiles are published where a bin has at least so many responses.
    pub quantile_n_min: i32,
    /// How one patient's deviations from the curve hang together; `None`: nobody's own course is looked at. It is no
    /// part of the curve: another version of the plan may say it otherwise.
    pub personal: Option<Coherence>,
}

impl CurveRules {
    /// Whether both make the same curve of the same responses.
    pub fn makes_the_curve_of(&self, other: &CurveRules) -> bool {
        let curve_only = |rules: &CurveRules| CurveRules { personal: None, ..rules.clone() };
        curve_only(self) == curve_only(other)
    }

    /// The bin of a time since treatment; `None` before the first edge and from the last on.
    pub fn bin_of(&self, since_treatment: Millis) -> Option<u16> {
        let day = i32::try_from(since_treatment.0.div_euclid(Millis::days(1).0)).ok()?;
        let bin = self.bin_edges_days.partition_point(|edge| *edge <= day).checked_sub(1)?;
        (bin + 1 < self.bin_edges_days.len()).then(|| u16::try_from(bin).ok()).flatten()
    }

    /// From and to (excluded) of a bin, in days since treatment.
    pub fn days_of(&self, bin: u16) -> Option<(i32, i32)> {
        let bin = usize::from(bin);
        Some((*self.bin_edges_days.get(bin)?, *self.bin_edges_days.get(bin + 1)?))
    }

    /// The age band of a patient treated in calendar year `treated_year`, such as 60-69; `None` where the age is
    /// implausible.
    pub fn age_band(&self, birth_year: i32, treated_year: i32) -> Option<String> {
        let age = treated_year.checked_sub(birth_year).filter(|age| (0..=120).contains(age))?;
        let from = age - age % self.age_band_years;
        Some(format!("{from}-{}", from + self.age_band_years - 1))
    }

    /// The group of a patient with these ICD-10 codes; `none` where no group matches.
    pub fn comorbidity<'c>(&self, codes: impl Iterator<Item = &'c str> + Clone) -> &str {
        let holds = |group: &&ComorbidityGroup| {
            codes.clone().any(|code| group.icd10.iter().any(|beginning| code.starts_with(&**beginning)))
        };
        self.comorbidity_groups.iter().find(holds).map_or(NO_GROUP, |group| &group.name)
    }
}

/// The group of those whom no group matches.
const NO_GROUP: &str = "none";

pub(super) fn read_curve(fields: &mut Fields<'_>) -> Option<CurveRules> {
    fields.choice("period", &[("month", ())]);
    let lead_days = fields.required::<i32>("lead_days");
    let age_band_years = fields.required::<i32>("age_band_years");
    let bin_edges_days = fields.required::<Vec<i32>>("bin_edges_days");
    let prior_n = fields.required::<i32>("prior_n");
    let quantile_n_min = fields.required::<i32>("quantile_n_min");
    let levels = fields.optional::<Vec<String>>("levels");
    let levels = levels.map_or(Some(CohortLevel::ALL.to_vec()), |words| read_levels(fields, &words));
    let comorbidity_groups = fields.tables("comorbidity_groups", read_group);
    let personal = fields.table("personal", read_personal);
    for (key, number, least, most) in [
        ("lead_days", lead_days, 0, 365),
        ("age_band_years", age_band_years, 1, 120),
        ("prior_n", prior_n, 0, 1_000_000),
        ("quantile_n_min", quantile_n_min, 1, 1_000_000),
    ] {
        let message = format!("is not within {least} and {most}");
        fields.demand(number.is_none_or(|number| (least..=most).contains(&number)), key, &message);
    }
    if let Some(edges) = &bin_edges_days {
        fields.demand(edges.first() == Some(&0), "bin_edges_days", "do not begin with 0");
        fields.demand((2..=1_000).contains(&edges.len()), "bin_edges_days", "are not 2 to 1000");
        fields.demand(edges.is_sorted_by(|one, next| one < next), "bin_edges_days", "do not ascend");
    }
    let mut names = BTreeSet::from([NO_GROUP]);
    let distinct = comorbidity_groups.iter().all(|group| names.insert(&group.name));
    fields.demand(distinct, "comorbidity_groups", "have a name twice, or the name none");
    Some(CurveRules {
        lead_days: lead_days?,
        levels: levels?,
        age_band_years: age_band_years?,
        comorbidity_groups,
        bin_edges_days: bin_edges_days?,
        prior_n: prior_n?,
        quantile_n_min: quantile_n_min?,
        personal,
    })
}

fn read_levels(fields: &mut Fields<'_>, words: &[String]) -> Option<Vec<CohortLevel>> {
    let level = |word: &String| CohortLevel::ALL.into_iter().find(|level| level.as_str() == word);
    let levels: Option<Vec<CohortLevel>> = words.iter().map(level).collect();
    let names = CohortLevel::ALL.map(CohortLevel::as_str).join(", ");
    fields.demand(levels.is_some(), "levels", &format!("are not all among {names}"));
    let levels = levels?;
    let distinct = levels.iter().collect::<BTreeSet<_>>().len() == levels.len();
    fields.demand(distinct, "levels", "name one twice");
    Some(levels)
}

fn read_personal(fields: &mut Fields<'_>) -> Option<Coherence> {
    let mut number = |key| fields.required::<Decimal>(key).map(Decimal::to_f64);
    let (lasting, fading, days) = (number("lasting"), number("fading"), number("fading_days"));
    let read = Coherence { lasting: lasting?, fading: fading?, fading_days: days? };
    let message = "and fading are shares with a sum of at most 1, and fading_days is above 0";
    fields.demand(read.is_sound(), "lasting", message);
    Some(read)
}

fn read_group(fields: &mut Fields<'_>) -> Option<ComorbidityGroup> {
    let name = fields.required::<String>("name");
    let icd10 = fields.required::<Vec<String>>("icd10");
    let is_level = name.as_ref().is_none_or(|name| !name.contains('/'));
    fields.demand(is_level, "name", "contains a slash, which separates the levels of a cohort");
    let is_group = name.as_ref().is_none_or(|name| CohortLevel::of(name) == CohortLevel::Comorbidity);
    fields.demand(is_group, "name", "is that of a sex or of an age band");
    fields.demand(icd10.as_ref().is_none_or(|codes| !codes.is_empty()), "icd10", "is empty");
    Some(ComorbidityGroup { name: name?.into(), icd10: icd10? })
}
