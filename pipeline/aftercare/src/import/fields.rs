//! The fields of a stream: which there are, which must be given, and their values in one line.

use std::collections::BTreeMap;

use super::expression::{Expression, Line, Refusal};
use super::mapping::{Compiler, Problem};

/// A field that a mapping may fill.
pub(super) struct Field {
    name: &'static str,
    required: bool,
}

const fn must(name: &'static str) -> Field {
    Field { name, required: true }
}

const fn may(name: &'static str) -> Field {
    Field { name, required: false }
}

/// Of `enrolments`.
pub(super) const ENROLMENT: &[Field] = &[
    must("id"),
    must("patient_id"),
    must("episode_id"),
    must("recorded_at"),
    may("revision"),
    may("effective_at"),
    may("procedure"),
    may("treated_at"),
    may("device"),
    may("manufacturer"),
    may("birth_year"),
    may("sex"),
    may("comorbidities"),
    may("organisation"),
    may("care_team"),
    may("clinician_id"),
    may("plan"),
    may("contract"),
    may("vip"),
    may("self_pay_consent"),
    may("spo2_scale"),
    may("time_zone"),
    may("episode_status"),
];

/// Of `prom-responses`; its forms are listed apart.
pub(super) const PROM: &[Field] = &[
    must("id"),
    must("patient_id"),
    must("answered_at"),
    may("revision"),
    may("episode_id"),
    may("uploaded_at"),
    may("respondent"),
];

/// Of `wearable-readings`, both of the upload and of its reading.
pub(super) const WEARABLE: &[Field] = &[
    must("patient_id"),
    must("device_id"),
    must("metric"),
    must("value"),
    must("unit"),
    must("measured_at"),
];

/// How the fields of a stream are made.
pub(super) struct Fields {
    place: String,
    expressions: BTreeMap<String, Expression>,
}

impl Fields {
    pub(super) fn compile(
        raw: BTreeMap<String, toml::Value>,
        known: &[Field],
        place: &str,
        c: &mut Compiler,
    ) -> Self {
        let place = format!("{place}.fields");
        for field in known.iter().filter(|f| f.required && !raw.contains_key(f.name)) {
            c.problem(&place, format!("`{}` must be given", field.name));
        }
        let mut expressions = BTreeMap::new();
        for (name, value) in raw {
            let place = format!("{place}.{name}");
            if !known.iter().any(|f| f.name == name) {
                c.problem(&place, "this stream has no such field");
            }
            if let Some(expression) = c.expression(&place, value) {
                expressions.insert(name, expression);
            }
        }
        Self { place, expressions }
    }

    pub(super) fn text(&self, name: &str, line: &Line) -> Result<Option<String>, Refusal> {
        self.expressions.get(name).map_or(Ok(None), |e| e.text(line))
    }

    pub(super) fn integer(&self, name: &str, line: &Line) -> Result<Option<i32>, Refusal> {
        self.expressions.get(name).map_or(Ok(None), |e| e.integer(line))
    }

    pub(super) fn decimal(&self, name: &str, line: &Line) -> Result<Option<f64>, Refusal> {
        self.expressions.get(name).map_or(Ok(None), |e| e.decimal(line))
    }

    pub(super) fn millis(&self, name: &str, line: &Line) -> Result<Option<i64>, Refusal> {
        self.expressions.get(name).map_or(Ok(None), |e| e.millis(line))
    }

    pub(super) fn truth(&self, name: &str, line: &Line) -> Result<Option<bool>, Refusal> {
        match self.text(name, line)?.as_deref() {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(_) => Err(self.refuse(name, "neither true nor false; give it a `map`")),
        }
    }

    /// The value of a field that no record can do without; an id of spaces is none.
    pub(super) fn needed<T>(&self, name: &str, value: Option<T>) -> Result<T, Refusal> {
        value.ok_or_else(|| self.refuse(name, "missing, and the record needs it"))
    }

    /// The text of a field that no record can do without.
    pub(super) fn id(&self, name: &str, line: &Line) -> Result<String, Refusal> {
        let text = self.text(name, line)?.filter(|text| !text.trim().is_empty());
        self.needed(name, text)
    }

    pub(super) fn refuse(&self, name: &str, what: &str) -> Refusal {
        Problem { place: format!("{}.{name}", self.place), what: what.to_owned() }
    }
}
