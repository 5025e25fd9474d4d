//! Reads an alert policy from TOML.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::alert_policy::{
    AlertPolicyDocument, AlertRule, Answer, Away, Fall, LevelBand, RULE_KINDS, Role, RuleKind, Severity,
    Side, ValueUnit,
};
use super::decimal::Decimal;
use super::reader::{Fields, FromToml, Problem, read_document};
use crate::metric::Metric;
use crate::time::Millis;

/// More rules than this are taken for a mistake.
const RULES_MAX: usize = 64;

impl FromToml for Role {
    fn from_toml(value: &toml::Value) -> Result<Role, String> {
        let word = String::from_toml(value)?;
        let role = Role::ALL.into_iter().find(|role| role.as_str() == word);
        role.ok_or_else(|| format!("is none of {}", Role::ALL.map(Role::as_str).join(", ")))
    }
}

impl FromToml for Metric {
    fn from_toml(value: &toml::Value) -> Result<Metric, String> {
        let word = String::from_toml(value)?;
        let metric = (1..=u8::MAX).map_while(Metric::at).find(|metric| metric.name() == word);
        metric.ok_or_else(|| "is no metric".to_owned())
    }
}

pub(super) fn parse(text: &str) -> Result<AlertPolicyDocument, Vec<Problem>> {
    read_document(text, read)
}

fn read(fields: &mut Fields<'_>) -> Option<AlertPolicyDocument> {
    let id = fields.required::<String>("id");
    let version = positive(fields, "version");
    let title = fields.required::<String>("title");
    let assumptions = fields.optional::<Vec<String>>("assumptions").unwrap_or_default();
    let historic = positive(fields, "historic_hours");
    let historic_event = positive(fields, "historic_event_hours");
    let nearing_percent = fields.required::<i32>("nearing_percent");
    fields.demand(
        nearing_percent.is_none_or(|share| (1..=99).contains(&share)),
        "nearing_percent",
        "is not within 1 and 99",
    );
    let defaults = Severity::ALL.map(|severity| {
        fields.table(severity.as_str(), |fields| Some(read_answer(fields))).unwrap_or_default()
    });
    let rules = fields.tables("rules", |fields| read_rule(fields, &defaults));
    fields.demand(!rules.is_empty(), "rules", "are missing");
    fields.demand(rules.len() <= RULES_MAX, "rules", "are more than 64");
    let mut ids = BTreeSet::new();
    fields.demand(rules.iter().all(|rule| ids.insert(&rule.id)), "rules", "have an id twice");
    let differ = |(one, other): (&AlertRule, &AlertRule)| {
        one.unit != other.unit && one.kind.codes().iter().any(|code| other.kind.has_code(code))
    };
    let pairs =
        rules.iter().enumerate().flat_map(|(n, one)| rules[n + 1..].iter().map(move |other| (one, other)));
    fields.demand(!pairs.into_iter().any(differ), "rules", "judge one laboratory value in different units");
    Some(AlertPolicyDocument {
        id: id?.into(),
        version: version?,
        title: title?,
        assumptions,
        historic_after: hours(historic?),
        historic_event_after: hours(historic_event?),
        nearing_percent: nearing_percent?,
        rules,
    })
}

fn hours(hours: i32) -> Millis {
    Millis::seconds(i64::from(hours) * 3_600)
}

fn positive<'d>(fields: &mut Fields<'d>, key: &'d str) -> Option<i32> {
    let number = fields.required::<i32>(key);
    fields.demand(number.is_none_or(|number| number > 0), key, "is not above 0");
    number.filter(|number| *number > 0)
}

fn positive_or<'d>(fields: &mut Fields<'d>, key: &'d str) -> Option<i32> {
    if fields.has(key) { positive(fields, key) } else { None }
}

fn read_answer(fields: &mut Fields<'_>) -> Answer {
    Answer {
        minutes: positive_or(fields, "answer_minutes"),
        vip_minutes: positive_or(fields, "vip_answer_minutes"),
        escalate_to: fields.optional("escalate_to").unwrap_or_default(),
    }
}

fn read_rule(fields: &mut Fields<'_>, defaults: &[Answer; 3]) -> Option<AlertRule> {
    let id = fields.required::<String>("id");
    let plain = |id: &String| {
        id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    fields.demand(id.as_ref().is_none_or(plain), "id", "is not of small letters, digits and hyphens");
    let severity = fields.choice("severity", &Severity::ALL.map(|severity| (severity.as_str(), severity)));
    let routes = fields.required::<Vec<Role>>("routes");
    fields.demand(routes.as_ref().is_none_or(|routes| !routes.is_empty()), "routes", "are missing");
    let own = read_answer(fields);
    let quiet = positive_or(fields, "quiet_hours").map(hours);
    let names = RULE_KINDS.map(|name| (name, name));
    let kind = fields.choice("kind", &names).and_then(|kind| read_kind(fields, kind));
    let is_of_values = kind.as_ref().is_some_and(|kind| !kind.codes().is_empty());
    let unit = if is_of_values { read_unit(fields) } else { None };
    let severity = severity?;
    let default = &defaults[severity as usize];
    let answer = Answer {
        minutes: own.minutes.or(default.minutes),
        vip_minutes: if own.minutes.is_some() {
            own.vip_minutes
        } else {
            own.vip_minutes.or(default.vip_minutes)
        },
        escalate_to: if own.escalate_to.is_empty() { default.escalate_to.clone() } else { own.escalate_to },
    };
    if severity == Severity::Critical {
        fields.demand(
            answer.minutes.is_some(),
            "answer_minutes",
            "is missing, and a critical alert needs one",
        );
        fields.demand(
            !answer.escalate_to.is_empty(),
            "escalate_to",
            "is missing, and a critical alert needs one",
        );
    }
    if let (Some(minutes), Some(vip)) = (answer.minutes, answer.vip_minutes) {
        fields.demand(vip <= minutes, "vip_answer_minutes", "is above answer_minutes");
    }
    Some(AlertRule { id: id?.into(), kind: kind?, unit, severity, routes: routes?, answer, quiet })
}

fn number<'d>(fields: &mut Fields<'d>, key: &'d str) -> Option<f64> {
    fields.required::<Decimal>(key).map(Decimal::to_f64)
}

fn positive_number<'d>(fields: &mut Fields<'d>, key: &'d str) -> Option<f64> {
    let number = number(fields, key);
    fields.demand(number.is_none_or(|number| number > 0.0), key, "is not above 0");
    number
}

fn codes(fields: &mut Fields<'_>) -> Option<Vec<Arc<str>>> {
    let codes = fields.required::<Vec<String>>("codes")?;
    fields.demand(!codes.is_empty(), "codes", "are missing");
    Some(codes.into_iter().map(Arc::from).collect())
}

/// The unit of a laboratory value's limits. Without one, values are taken as they come.
fn read_unit(fields: &mut Fields<'_>) -> Option<ValueUnit> {
    let code = fields.optional::<String>("unit");
    let factors = fields.table("units", |fields| Some(fields.each::<Decimal>())).unwrap_or_default();
    let is_plain = |(unit, factor): &(String, Decimal)| factor.to_f64() > 0.0 && code.as_ref() != Some(unit);
    fields.demand(
        factors.iter().all(is_plain),
        "units",
        "hold the unit itself, or a factor that is not above 0",
    );
    fields.demand(
        code.is_some() || factors.is_empty(),
        "unit",
        "is missing, and other units are converted to it",
    );
    let factors = factors.into_iter().map(|(unit, factor)| (unit.into(), factor.to_f64())).collect();
    Some(ValueUnit { code: code?.into(), factors })
}

fn yes_or_no<'d>(fields: &mut Fields<'d>, key: &'d str) -> Option<bool> {
    fields.choice(key, &[("yes", true), ("no", false)])
}

/// A limit as `above` or `below`, and where it is over.
fn limit(fields: &mut Fields<'_>) -> Option<(Side, f64, f64)> {
    let (side, key) = if fields.has("above") { (Side::Above, "above") } else { (Side::Below, "below") };
    let limit = number(fields, key);
    let clear = number(fields, "clear");
    if let (Some(limit), Some(clear)) = (limit, clear) {
        fields.demand(
            !side.holds(clear, limit) || clear.total_cmp(&limit).is_eq(),
            "clear",
            "lies beyond the limit",
        );
    }
    Some((side, limit?, clear?))
}

/// A percentage below which it is met, and one from which on it is over.
fn percentages(fields: &mut Fields<'_>) -> Option<(f64, f64)> {
    let below = positive_number(fields, "below_percent");
    let clear = positive_number(fields, "clear_percent");
    if let (Some(below), Some(clear)) = (below, clear) {
        fields.demand(below <= clear, "clear_percent", "is below below_percent");
    }
    Some((below?, clear?))
}

fn read_fall(fields: &mut Fields<'_>) -> Option<Fall> {
    let (errors, clear) = (positive_number(fields, "errors"), number(fields, "clear_errors"));
    let mcid = positive_number(fields, "mcid");
    let in_order = errors.zip(clear).is_none_or(|(errors, clear)| clear < errors);
    fields.demand(in_order, "clear_errors", "are not fewer than errors");
    Some(Fall { errors: errors?, clear_errors: clear?, mcid: mcid? })
}

fn read_kind(fields: &mut Fields<'_>, kind: &str) -> Option<RuleKind> {
    match kind {
        "below-expected" => {
            let percent = fields.has("below_percent").then(|| percentages(fields));
            let trending_down =
                fields.has("trend").then(|| fields.choice("trend", &[("down", true), ("any", false)]));
            let forecast_sds = fields.has("forecast_sds").then(|| positive_number(fields, "forecast_sds"));
            let fall = fields.has("errors").then(|| read_fall(fields));
            let responses = fields.has("responses").then(|| positive(fields, "responses"));
            let is_stated = percent.is_some() || forecast_sds.is_some() || fall.is_some();
            fields.demand(
                is_stated,
                "kind",
                "says by no measure what is below: below_percent, forecast_sds or errors",
            );
            Some(RuleKind::BelowExpected {
                percent: percent.map_or(Some(None), |read| read.map(Some))?,
                trending_down: trending_down.unwrap_or(Some(false))?,
                forecast_sds: forecast_sds.map_or(Some(None), |read| read.map(Some))?,
                fall: fall.map_or(Some(None), |read| read.map(Some))?,
                responses: responses.unwrap_or(Some(1))?,
            })
        }
        "rapid-decline" => {
            let instruments = fields.optional::<Vec<String>>("instruments").unwrap_or_default();
            let instruments = instruments.into_iter().map(Arc::from).collect();
            Some(RuleKind::RapidDecline { instruments, fall: read_fall(fields)? })
        }
        "single-answer" => {
            let (instrument, item) =
                (fields.required::<String>("instrument"), fields.required::<String>("item"));
            let code_at_least = fields.required("code_at_least");
            Some(RuleKind::SingleAnswer {
                instrument: instrument?.into(),
                item: item?.into(),
                code_at_least: code_at_least?,
            })
        }
        "severe-score" => {
            let (instrument, limit) = (fields.required::<String>("instrument"), limit(fields));
            let (side, limit, clear) = limit?;
            Some(RuleKind::SevereScore { instrument: instrument?.into(), side, limit, clear })
        }
        "overdue-upload" => Some(RuleKind::OverdueUpload { grace_days: positive(fields, "grace_days")? }),
        "superficial-use" => Some(RuleKind::SuperficialUse),
        _ if kind.starts_with("laboratory-") => read_laboratory(fields, kind),
        _ => read_vital(fields, kind),
    }
}

fn read_vital(fields: &mut Fields<'_>, kind: &str) -> Option<RuleKind> {
    match kind {
        "sustained-vital" => {
            let (metric, limit) = (fields.required("metric"), limit(fields));
            let (minutes, gap_minutes) = (positive(fields, "minutes"), positive(fields, "gap_minutes"));
            let (side, limit, clear) = limit?;
            let (minutes, gap_minutes) = (minutes?, gap_minutes?);
            Some(RuleKind::SustainedVital { metric: metric?, side, limit, clear, minutes, gap_minutes })
        }
        "news2" => {
            let at_least = positive_or(fields, "at_least");
            let any_three = yes_or_no(fields, "any_three");
            let (clear_below, gap_hours) = (positive(fields, "clear_below"), positive(fields, "gap_hours"));
            fields.demand(at_least.is_some() || any_three == Some(true), "at_least", "is missing");
            let (any_three, clear_below) = (any_three?, clear_below?);
            Some(RuleKind::News2 { at_least, any_three, clear_below, gap_hours: gap_hours? })
        }
        "own-baseline" => {
            let metric = fields.required("metric");
            let away =
                fields.choice("away", &[("up", Away::Up), ("down", Away::Down), ("either", Away::Either)]);
            let (z, clear_z) = (positive_number(fields, "z"), positive_number(fields, "clear_z"));
            fields.demand(z.zip(clear_z).is_none_or(|(z, clear)| clear <= z), "clear_z", "is above z");
            Some(RuleKind::OwnBaseline { metric: metric?, away: away?, z: z?, clear_z: clear_z? })
        }
        "pressure-surge" => {
            let (rise, to) = (positive_number(fields, "rise"), positive_number(fields, "to_at_least"));
            let gap_hours = positive(fields, "gap_hours");
            Some(RuleKind::PressureSurge { rise: rise?, to_at_least: to?, gap_hours: gap_hours? })
        }
        "quiet-device" => {
            let (hours, given_back_days) = (positive(fields, "hours"), positive(fields, "given_back_days"));
            let in_order = hours.zip(given_back_days).is_none_or(|(hours, days)| hours < 24 * days);
            fields.demand(in_order, "given_back_days", "end before the silence is told");
            Some(RuleKind::QuietDevice { hours: hours?, given_back_days: given_back_days? })
        }
        _ => {
            let percentages = percentages(fields);
            let (days, due_min) = (positive(fields, "days"), positive(fields, "due_min"));
            let (below_percent, clear_percent) = percentages?;
            Some(RuleKind::Adherence { below_percent, clear_percent, days: days?, due_min: due_min? })
        }
    }
}

fn read_laboratory(fields: &mut Fields<'_>, kind: &str) -> Option<RuleKind> {
    let codes = codes(fields);
    match kind {
        "laboratory-rise" => {
            let (after, at_least) = (number(fields, "after_at_most"), number(fields, "at_least"));
            let in_order = after.zip(at_least).is_none_or(|(after, at_least)| after < at_least);
            fields.demand(in_order, "at_least", "is not above after_at_most");
            Some(RuleKind::LaboratoryRise { codes: codes?, after_at_most: after?, at_least: at_least? })
        }
        "laboratory-held" => {
            let at_most = number(fields, "at_most");
            let (days, values_min) = (positive(fields, "days"), positive(fields, "values_min"));
            Some(RuleKind::LaboratoryHeld {
                codes: codes?,
                at_most: at_most?,
                days: days?,
                values_min: values_min?,
            })
        }
        "laboratory-increase" => {
            let (factor, at_least) = (number(fields, "factor"), number(fields, "at_least"));
            fields.demand(factor.is_none_or(|factor| factor > 1.0), "factor", "is not above 1");
            Some(RuleKind::LaboratoryIncrease { codes: codes?, factor: factor?, at_least: at_least? })
        }
        _ => {
            let hours_since_dose = positive(fields, "hours_since_dose");
            let bands = fields.tables("bands", read_band);
            fields.demand(!bands.is_empty(), "bands", "are missing");
            let in_order = bands.is_sorted_by(|one, other| one.until_month < other.until_month);
            fields.demand(in_order, "bands", "are not in the order of months");
            Some(RuleKind::LaboratoryLimits { codes: codes?, hours_since_dose: hours_since_dose?, bands })
        }
    }
}

fn read_band(fields: &mut Fields<'_>) -> Option<LevelBand> {
    let until_month = positive(fields, "until_month");
    let (at_least, at_most) = (number(fields, "at_least"), number(fields, "at_most"));
    let in_order = at_least.zip(at_most).is_none_or(|(least, most)| least < most);
    fields.demand(in_order, "at_most", "is not above at_least");
    Some(LevelBand { until_month: until_month?, at_least: at_least?, at_most: at_most? })
}
