//! Instruments, plans and contracts as versioned documents: data, checked at load, every problem listed with its place.
//!
//! A published version never changes; a correction is a new version. Numbers are exact decimals in quotes (or whole
//! numbers), a floating literal fails the check.

mod alert_policy;
mod curve;
mod decimal;
mod instrument;
mod plan;
mod prior;
mod read_alert_policy;
mod read_instrument;
mod read_rule;
mod read_scales;
pub(crate) mod reader;
mod review_rule;
mod rule;
mod vitals;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

pub use alert_policy::{
    AlertPolicyDocument, AlertRule, Answer, Away, Fall, LevelBand, RULE_KINDS, Role, RuleKind, Severity,
    Side, ValueUnit, WatchedWindows,
};
pub use curve::{COHORT_LEVELS, CohortLevel, ComorbidityGroup, CurveRules};
pub use decimal::Decimal;
pub use instrument::{CutOff, Direction, ITEMS_MAX, InstrumentDocument, Item, Mcid, Outline, SCORE};
pub use plan::{MissingPart, PlanDocument, PlanInstrument, Schedule};
pub use prior::{PriorDocument, PriorPoint};
pub use reader::Problem;
pub use review_rule::ReviewRule;
pub use rule::{Case, NormTerm, Points, Rule, Scale, Summary, ValueSet, Values, Weighted};
pub use vitals::{VitalMetric, VitalsDocument};

use crate::contract::ContractDocument;
use crate::metric::Metric;
use crate::reason::Reason;
use crate::time::{Instant, Millis};
use crate::window::Micros;

/// The kind of document that holds an instrument.
pub const INSTRUMENT: &str = "instrument";
/// The kind of document that holds a plan.
pub const PLAN: &str = "plan";
/// The kind of document that says how vital signs are looked at.
pub const VITALS: &str = "vitals";
/// The id of the document of vital signs that holds for every patient.
pub const HOME_VITALS: &str = "home-vitals";
/// The kind of document that says when a clinician's session is service.
pub const REVIEW_RULE: &str = "review-rule";

/// The review rule that judges all sessions.
const DEFAULT_RULE: &str = "default";
/// The kind of document that holds a curve from elsewhere.
pub const CURVE: &str = "curve";
/// The kind of document that holds an alert policy.
pub const ALERT_POLICY: &str = "alert-policy";
/// The kind of document that holds a contract.
pub const CONTRACT: &str = "contract";

macro_rules! shipped {
    ($($kind:ident $folder:literal $id:literal),* $(,)?) => {
        [$(($kind, $id, include_str!(concat!("../../documents/", $folder, "/", $id, ".toml")))),*]
    };
}

/// The documents that come with the program: kind, id, TOML text. Each is version 1 of its id.
pub const SHIPPED: [(&str, &str, &str); 46] = shipped![
    ALERT_POLICY "alert-policies" "ablation-alerts",
    ALERT_POLICY "alert-policies" "hip-alerts",
    ALERT_POLICY "alert-policies" "stent-alerts",
    ALERT_POLICY "alert-policies" "transplant-alerts",
    INSTRUMENT "instruments" "saq-7",
    INSTRUMENT "instruments" "eq-5d-3l",
    INSTRUMENT "instruments" "eq-5d-5l",
    INSTRUMENT "instruments" "eq-vas",
    INSTRUMENT "instruments" "afeqt",
    INSTRUMENT "instruments" "gad-2",
    INSTRUMENT "instruments" "gad-7",
    INSTRUMENT "instruments" "hoos-ps",
    INSTRUMENT "instruments" "kccq-12",
    INSTRUMENT "instruments" "nyha",
    INSTRUMENT "instruments" "odi",
    INSTRUMENT "instruments" "oxford-hip",
    INSTRUMENT "instruments" "phq-2",
    INSTRUMENT "instruments" "phq-9",
    INSTRUMENT "instruments" "rand-36",
    INSTRUMENT "instruments" "rose-dyspnea",
    PLAN "plans" "af-ablation",
    PLAN "plans" "coronary-stent",
    PLAN "plans" "hip-replacement",
    PLAN "plans" "kidney-transplant",
    PLAN "plans" "nhs-eq5d",
    VITALS "vitals" "home-vitals",
    REVIEW_RULE "review-rules" "default",
    CONTRACT "contracts" "capitation-example",
    CONTRACT "contracts" "car-t-example",
    CONTRACT "contracts" "co-insurance-example",
    CONTRACT "contracts" "drap-stemi-example",
    CONTRACT "contracts" "drug-refund-example",
    CONTRACT "contracts" "dynamic-example",
    CONTRACT "contracts" "lifestyle-example",
    CONTRACT "contracts" "ltop-colon-example",
    CONTRACT "contracts" "ltop-diabetes-example",
    CONTRACT "contracts" "ltop-sma-example",
    CONTRACT "contracts" "lung-early-example",
    CONTRACT "contracts" "lung-stage-3-example",
    CONTRACT "contracts" "lung-stage-4-example",
    CONTRACT "contracts" "screening-example",
    CONTRACT "contracts" "service-package-example",
    CONTRACT "contracts" "time-critical-example",
    CONTRACT "contracts" "transplant-cover-example",
    CONTRACT "contracts" "warranty-example",
    CONTRACT "contracts" "warranty-prepaid-example",
];

/// Instruments whose numbers belong to a licence holder: id, TOML text without `[score]`. The holder's table is the
/// `[score]`; both texts one after the other are the instrument's document.
pub const LICENSED: [(&str, &str); 2] = [
    ("sf-12", include_str!("../../documents/licensed/sf-12.toml")),
    ("sf-36", include_str!("../../documents/licensed/sf-36.toml")),
];

type Versions<T> = BTreeMap<i32, T>;
/// Kind and id.
type Name = (Box<str>, Box<str>);

/// All documents that are known, by id and version.
#[derive(Clone, Debug, Default)]
pub struct Library {
    instruments: Shelf<InstrumentDocument>,
    plans: Shelf<PlanDocument>,
    vitals: Shelf<VitalsDocument>,
    /// By version.
    review_rules: Versions<Arc<ReviewRule>>,
    alert_policies: Shelf<AlertPolicyDocument>,
    watched_windows: WatchedWindows,
    contracts: Shelf<ContractDocument>,
    priors: Shelf<PriorDocument>,
    texts: BTreeMap<Name, Versions<Box<str>>>,
}

impl Library {
    /// The documents that come with the program.
    pub fn builtin() -> Library {
        static BUILTIN: LazyLock<Library> = LazyLock::new(|| {
            let mut library = Library::default();
            for (kind, id, text) in SHIPPED {
                library.add(kind, id, 1, text).expect("a test loads every shipped document");
            }
            library
        });
        BUILTIN.clone()
    }

    /// Adds a document. Those of the kinds named above are read and checked, other kinds are kept as text. The same version with
    /// the same text again changes nothing.
    ///
    /// # Errors
    /// Every problem found; nothing was added then.
    pub fn add(&mut self, kind: &str, id: &str, version: i32, text: &str) -> Result<(), Vec<Problem>> {
        let key = (Box::from(kind), Box::from(id));
        if let Some(known) = self.texts.get(&key).and_then(|versions| versions.get(&version)) {
            let message = format!("of {kind} {id} version {version} differs from what was published before");
            return if **known == *text { Ok(()) } else { Err(vec![whole(message)]) };
        }
        match kind {
            INSTRUMENT => {
                let document = InstrumentDocument::parse(text)?;
                named(id, version, &document.id, document.version)?;
                self.comparable(&document)?;
                self.instruments.put(document.id.clone(), version, document);
            }
            PLAN => {
                let document = PlanDocument::parse(text)?;
                named(id, version, &document.id, document.version)?;
                self.same_curve(&document)?;
                self.plans.put(document.id.clone(), version, document);
            }
            VITALS => {
                let document = VitalsDocument::parse(text)?;
                named(id, version, &document.id, document.version)?;
                self.vitals.put(document.id.clone(), version, document);
            }
            REVIEW_RULE => {
                let document = ReviewRule::parse(text)?;
                named(id, version, &document.id, document.version)?;
                if document.id.as_ref() == DEFAULT_RULE {
                    self.review_rules.insert(version, Arc::new(document));
                }
            }
            ALERT_POLICY => {
                let document = AlertPolicyDocument::parse(text)?;
                named(id, version, &document.id, document.version)?;
                self.watched_windows.add(&document);
                self.alert_policies.put(document.id.clone(), version, document);
            }
            CONTRACT => {
                let document = ContractDocument::parse(text)?;
                named(id, version, &document.id, document.version)?;
                self.contracts.put(document.id.clone(), version, document);
            }
            CURVE => {
                let document = PriorDocument::parse(text)?;
                named(id, version, &document.id, document.version)?;
                self.priors.put(document.id.clone(), version, document);
            }
            _ => {}
        }
        self.texts.entry(key).or_default().insert(version, text.into());
        Ok(())
    }

    /// All versions of an instrument form one series: they share the direction and the best and worst it is judged by.
    fn comparable(&self, document: &InstrumentDocument) -> Result<(), Vec<Problem>> {
        match self.instrument(&document.id, None) {
            Some(known) if (known.direction, known.range.1) != (document.direction, document.range.1) => {
                Err(vec![whole(
                    "has another direction or highest score than the versions before: it needs an id of its own",
                )])
            }
            _ => Ok(()),
        }
    }

    /// All versions of a plan contribute to one curve: once stated, its rules stay.
    fn same_curve(&self, document: &PlanDocument) -> Result<(), Vec<Problem>> {
        match self.plan(&document.id).and_then(|known| known.curve.as_ref()) {
            Some(known) if !document.curve.as_ref().is_some_and(|curve| curve.makes_the_curve_of(known)) => {
                Err(vec![whole("has another curve than the versions before: it needs an id of its own")])
            }
            _ => Ok(()),
        }
    }

    /// How the curve of an instrument is made, or with a plan that of its composite; `None` where no document says it.
    pub fn curve_rules(&self, instrument: &str, plan: Option<&str>) -> Option<&CurveRules> {
        match plan {
            Some(plan) => self.plan(plan)?.curve.as_ref(),
            None => {
                let naming = self.plans.all().filter(|plan| plan.instrument(instrument).is_some());
                naming.filter_map(|plan| plan.curve.as_ref()).next()
            }
        }
    }

    /// The instrument `id` in that version; `None`: the newest known.
    pub fn instrument(&self, id: &str, version: Option<i32>) -> Option<&Arc<InstrumentDocument>> {
        self.instruments.get(id, version)
    }

    /// The newest version of the plan `id`.
    pub fn plan(&self, id: &str) -> Option<&Arc<PlanDocument>> {
        self.plans.get(id, None)
    }

    /// The newest version of the document of vital signs that holds for every patient.
    pub fn vitals(&self) -> Option<&Arc<VitalsDocument>> {
        self.vitals.get(HOME_VITALS, None)
    }

    /// The value of a reading as it is kept, in the metric's unit, if it can be: the unit is one of the metric's, and the
    /// value plausible by the newest version of the document of vital signs whose limits hold at `measured_at`.
    ///
    /// # Errors
    /// `UnsupportedUnit` or `ImplausibleValue`.
    pub fn admit(
        &self,
        metric: Metric,
        unit: &str,
        value: f64,
        measured_at: Instant,
    ) -> Result<Micros, Reason> {
        let value = metric.in_own_unit(unit, value)?;
        let versions = self.vitals.versions(HOME_VITALS).iter().rev();
        let rules = versions.map(|(_, rules)| rules).find(|rules| rules.plausible_from <= measured_at);
        match rules {
            Some(rules) if !rules.is_plausible(metric, value) => Err(Reason::ImplausibleValue),
            _ => Ok(value),
        }
    }

    /// The rule that judges a clinician's session which ends at `at`: the newest version of `default` that is valid then.
    pub fn review_rule(&self, at: Instant) -> Option<&Arc<ReviewRule>> {
        self.review_rules.values().rev().find(|rule| rule.valid_from <= at)
    }

    /// The longest span in which any version of the review rule looks for bursts.
    pub fn burst_length_max(&self) -> Millis {
        self.review_rules.values().map(|rule| rule.burst_length).max().unwrap_or_default()
    }

    /// What any version of any alert policy looks for in 5-minute windows.
    pub fn watched_windows(&self) -> &WatchedWindows {
        &self.watched_windows
    }

    /// Whether a laboratory value of that code can be judged in that unit: some rule of some policy takes it, or none
    /// looks at that code.
    pub fn takes_unit(&self, code: &str, unit: &str) -> bool {
        let rules = self.alert_policies.all().flat_map(|policy| &policy.rules);
        let mut units = rules.filter(|rule| rule.kind.has_code(code)).map(|rule| &rule.unit).peekable();
        let takes =
            |known: &Option<ValueUnit>| known.as_ref().is_none_or(|known| known.factor(unit).is_some());
        units.peek().is_none() || units.any(takes)
    }

    /// The newest version of the alert policy `id`.
    pub fn alert_policy(&self, id: &str) -> Option<&Arc<AlertPolicyDocument>> {
        self.alert_policies.get(id, None)
    }

    /// The curve from elsewhere `id` in that version.
    pub fn prior(&self, id: &str, version: i32) -> Option<&Arc<PriorDocument>> {
        self.priors.get(id, Some(version))
    }

    /// The newest version of the contract `id`.
    pub fn contract(&self, id: &str) -> Option<&Arc<ContractDocument>> {
        self.contracts.get(id, None)
    }

    /// The versions of the contract `id`, and until when each prices: the day (excluded, days since 1970-01-01) from which
    /// a higher version does.
    pub fn contracts_in_force(&self, id: &str) -> Vec<(Arc<ContractDocument>, i64)> {
        let versions = self.contracts.versions(id);
        let until = |at: usize| {
            let higher = versions.iter().skip(at + 1).map(|(_, higher)| higher.in_force_from);
            higher.min().unwrap_or(i64::MAX)
        };
        let all = versions.iter().enumerate().map(|(at, (_, contract))| (contract.clone(), until(at)));
        all.filter(|(contract, until)| contract.in_force_from < *until).collect()
    }

    /// The text of any document; `None` as version: the newest known.
    pub fn text(&self, kind: &str, id: &str, version: Option<i32>) -> Option<&str> {
        let versions = self.texts.get(&(Box::from(kind), Box::from(id)))?;
        let found = match version {
            Some(version) => versions.get(&version),
            None => versions.values().next_back(),
        };
        found.map(|text| &**text)
    }

    /// What does not fit between documents: plans that name an instrument, a value set or an alert policy that is not
    /// known, or make another curve of an instrument than the plan before; policies that name an instrument or an item
    /// that is not known; curves from elsewhere that nothing uses. (Documents arrive in any order, so that [`Library::add`] cannot ask this.)
    pub fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        for policy in self.alert_policies.all() {
            for rule in &policy.rules {
                let place =
                    format!("alert policy {} version {}, rule {}", policy.id, policy.version, rule.id);
                let found = rule.kind.named().filter(|named| !self.has_item(named));
                problems.extend(found.map(|(instrument, item)| {
                    let message = match item {
                        Some(item) => format!("names the item {item} of {instrument}, which is not known"),
                        None => format!("names the instrument {instrument}, which is not known"),
                    };
                    Problem { place: place.clone(), message }
                }));
            }
        }
        for plan in self.plans.all() {
            if let Some(policy) = plan.alert_policy.as_deref().filter(|id| self.alert_policy(id).is_none()) {
                let place = format!("plan {} version {}, alert_policy", plan.id, plan.version);
                problems.push(Problem { place, message: format!("names {policy}, which is not known") });
            }
            for (position, part) in plan.instruments.iter().enumerate() {
                let place = format!("plan {} version {}, instruments[{position}]", plan.id, plan.version);
                let known = self.instrument(&part.id, None);
                let curve = plan.curve.as_ref();
                let message = match known {
                    _ if curve.is_some() && curve != self.curve_rules(&part.id, None) => {
                        format!("makes another curve of {} than another plan", part.id)
                    }
                    None => format!("names the instrument {}, which is not known", part.id),
                    Some(known) if known.value_set(part.value_set.as_deref()).is_none() => {
                        format!("names a value set that {} does not have", part.id)
                    }
                    Some(_) => continue,
                };
                problems.push(Problem { place, message });
            }
        }
        for prior in self.priors.all() {
            let unknown = match &prior.plan {
                Some(plan) => self.plan(plan).is_none().then(|| format!("plan {plan}")),
                None => {
                    let known = self.instrument(&prior.instrument, None).is_some();
                    (!known).then(|| format!("instrument {}", prior.instrument))
                }
            };
            let message = match unknown {
                Some(unknown) => format!("names the {unknown}, which is not known"),
                None if self.curve_rules(&prior.instrument, prior.plan.as_deref()).is_none() => {
                    "is of an instrument of which no plan makes a curve".to_owned()
                }
                None => continue,
            };
            problems
                .push(Problem { place: format!("curve {} version {}", prior.id, prior.version), message });
        }
        problems
    }

    fn has_item(&self, (instrument, item): &(&str, Option<&str>)) -> bool {
        let known = self.instrument(instrument, None);
        known.is_some_and(|known| item.is_none_or(|item| known.items.iter().any(|own| *own.code == *item)))
    }
}

/// Documents of one kind by id and version. They are few and looked up often: a short list beats a tree.
#[derive(Clone, Debug)]
struct Shelf<T>(Vec<Documents<T>>);

/// An id, and its versions in ascending order.
type Documents<T> = (Arc<str>, Vec<(i32, Arc<T>)>);

impl<T> Default for Shelf<T> {
    fn default() -> Shelf<T> {
        Shelf(Vec::new())
    }
}

impl<T> Shelf<T> {
    fn put(&mut self, id: Arc<str>, version: i32, document: T) {
        let position = self.0.iter().position(|(known, _)| *known == id).unwrap_or_else(|| {
            self.0.push((id, Vec::new()));
            self.0.len() - 1
        });
        if let Some((_, versions)) = self.0.get_mut(position) {
            versions.push((version, Arc::new(document)));
            versions.sort_by_key(|(version, _)| *version);
        }
    }

    /// All versions of `id`, in ascending order.
    fn versions(&self, id: &str) -> &[(i32, Arc<T>)] {
        self.0.iter().find(|(known, _)| **known == *id).map_or(&[], |(_, versions)| versions)
    }

    fn get(&self, id: &str, version: Option<i32>) -> Option<&Arc<T>> {
        let versions = self.versions(id);
        let found = match version {
            Some(version) => versions.iter().find(|(known, _)| *known == version),
            None => versions.last(),
        };
        found.map(|(_, document)| document)
    }

    fn all(&self) -> impl Iterator<Item = &Arc<T>> {
        self.0.iter().flat_map(|(_, versions)| versions.iter().map(|(_, document)| document))
    }
}

fn whole(message: impl Into<String>) -> Problem {
    Problem { place: String::new(), message: message.into() }
}

fn named(id: &str, version: i32, inner_id: &str, inner_version: i32) -> Result<(), Vec<Problem>> {
    if (id, version) == (inner_id, inner_version) {
        return Ok(());
    }
    Err(vec![whole(format!(
        "says it is {inner_id} version {inner_version}, but was published as {id} version {version}"
    ))])
}
