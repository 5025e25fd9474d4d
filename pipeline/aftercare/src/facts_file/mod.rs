//! Files of facts: one JSON object a line, with its `stored_at`. Read once to check every line and to know whose it is
//! and when it became known, and again line by line when a patient's turn comes. What is kept is the text, and some
//! 32 bytes a line.

mod fact;
mod fields;
mod json;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aftercare_core::facts::Body;
use aftercare_core::metric::Metric;
use aftercare_core::month::Month;
use aftercare_core::time::Instant;
use aftercare_core::window::Micros;

pub(crate) use fact::{Fact, For, Given, Reading, Says};
pub(crate) use fields::{Problem, day};
use json::Json;

/// A file whose lines are sound.
#[derive(Debug)]
pub(crate) struct FactsFile {
    text: Vec<u8>,
    /// By id.
    pub(crate) patients: Vec<PatientFacts>,
    /// The sessions of each clinician, as they became known.
    pub(crate) clinicians: BTreeMap<Box<str>, Vec<Line>>,
    /// As they became known.
    pub(crate) closings: Vec<Closing>,
    /// The newest `stored_at`.
    pub(crate) newest: Option<Instant>,
    /// Lines that are not empty.
    pub(crate) lines: u32,
}

/// What the file says of one patient.
#[derive(Debug, Default)]
pub(crate) struct PatientFacts {
    pub(crate) id: Box<str>,
    /// Its records, as they became known.
    pub(crate) lines: Vec<Line>,
    /// Its readings, as they became known.
    pub(crate) readings: Vec<StoredReading>,
    /// The episodes that its enrolments name, by id.
    pub(crate) episodes: BTreeSet<Box<str>>,
    /// Some upload is to be scored.
    pub(crate) has_forms: bool,
}

/// One line, by its place in the file. Sorts by when it became known, then as in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Line {
    pub(crate) stored_at: Instant,
    /// From 1.
    pub(crate) number: u32,
    from: usize,
    to: usize,
}

/// A month that closes.
#[derive(Debug, Clone)]
pub(crate) struct Closing {
    pub(crate) line: Line,
    pub(crate) contract: Box<str>,
    pub(crate) month: Month,
}

/// A reading, and when it became known.
#[derive(Debug, Clone)]
pub(crate) struct StoredReading {
    pub(crate) line: Line,
    pub(crate) device: Box<str>,
    pub(crate) metric: Metric,
    pub(crate) value: Micros,
    pub(crate) measured_at: Instant,
}

impl Line {
    /// The place right before this one.
    pub(crate) fn before(self) -> Line {
        Line { number: self.number.saturating_sub(1), from: usize::MAX, to: 0, ..self }
    }

    /// A place behind every line that became known until then.
    pub(crate) fn after(stored_at: Instant) -> Line {
        Line { stored_at, number: u32::MAX, from: 0, to: 0 }
    }
}

impl FactsFile {
    /// Checks every line of a file, and finds out whose it is.
    ///
    /// # Errors
    /// Every problem, by line.
    pub(crate) fn read(text: Vec<u8>, reading: &For<'_>) -> Result<FactsFile, Vec<Problem>> {
        let mut index = Index::default();
        let mut problems = Vec::new();
        let mut from = 0;
        for (at, bytes) in text.split(|byte| *byte == b'\n').enumerate() {
            let (line_from, to) = (from, from + bytes.len());
            from = to + 1;
            if bytes.trim_ascii().is_empty() {
                continue;
            }
            let number = u32::try_from(at + 1).unwrap_or(u32::MAX);
            let mut found = Vec::new();
            parse(bytes, reading, &mut found, |fact| {
                index.add(Line { stored_at: fact.stored_at, number, from: line_from, to }, &fact);
            });
            let problem = |(field, message)| Problem { line: number, field, message };
            problems.extend(found.into_iter().map(problem));
        }
        if problems.is_empty() { Ok(index.sorted(text)) } else { Err(problems) }
    }

    /// What a line says, handed to `take`.
    pub(crate) fn fact<T>(
        &self,
        line: Line,
        reading: &For<'_>,
        take: impl FnOnce(Fact<'_>) -> T,
    ) -> Option<T> {
        let mut taken = None;
        parse(self.text.get(line.from..line.to)?, reading, &mut Vec::new(), |fact| taken = Some(take(fact)));
        taken
    }
}

/// Reads one line. Where something is wrong with it, `found` says what, and nothing is taken.
fn parse(bytes: &[u8], reading: &For<'_>, found: &mut fields::Found, take: impl FnOnce(Fact<'_>)) {
    match serde_json::from_slice::<Json<'_>>(bytes) {
        Ok(Json::Object(object)) => {
            if let Some(fact) = fact::read(&object, reading, found) {
                take(fact);
            }
        }
        Ok(_) => found.push((String::new(), "is no JSON object".to_owned())),
        // Its own words may quote the line.
        Err(error) => found.push((String::new(), format!("is no JSON from character {} on", error.column()))),
    }
}

/// The lines of a file as they are found.
#[derive(Default)]
struct Index {
    patients: Vec<PatientFacts>,
    known: HashMap<Box<str>, usize>,
    clinicians: BTreeMap<Box<str>, Vec<Line>>,
    closings: Vec<Closing>,
    newest: Option<Instant>,
    lines: u32,
}

impl Index {
    fn add(&mut self, line: Line, fact: &Fact<'_>) {
        self.newest = self.newest.max(Some(line.stored_at));
        self.lines = self.lines.saturating_add(1);
        match &fact.says {
            Says::Closing { contract, month } => {
                self.closings.push(Closing { line, contract: (*contract).into(), month: *month });
            }
            Says::Session { clinician_id, fact, .. } => {
                // the patient is one of the file's, whatever else is said of them
                self.patient(fact.patient_id);
                self.clinicians.entry((*clinician_id).into()).or_default().push(line);
            }
            Says::Reading { patient_id, reading } => {
                let Reading { device, metric, value, measured_at } = *reading;
                let device = device.into();
                let reading = StoredReading { line, device, metric, value, measured_at };
                self.patient(patient_id).readings.push(reading);
            }
            Says::Record { patient_id, body, .. } => {
                let patient = self.patient(patient_id);
                patient.lines.push(line);
                match &**body {
                    Body::Enrolment(fact) if !patient.episodes.contains(fact.episode_id) => {
                        patient.episodes.insert(fact.episode_id.into());
                    }
                    Body::Upload(fact) => patient.has_forms |= !fact.forms.is_empty(),
                    _ => {}
                }
            }
        }
    }

    fn patient(&mut self, id: &str) -> &mut PatientFacts {
        let at = match self.known.get(id) {
            Some(at) => *at,
            None => {
                self.known.insert(id.into(), self.patients.len());
                self.patients.push(PatientFacts { id: id.into(), ..PatientFacts::default() });
                self.patients.len() - 1
            }
        };
        &mut self.patients[at]
    }

    fn sorted(mut self, text: Vec<u8>) -> FactsFile {
        self.patients.sort_unstable_by(|one, other| one.id.cmp(&other.id));
        for patient in &mut self.patients {
            patient.lines.sort_unstable();
            patient.readings.sort_unstable_by_key(|reading| reading.line);
        }
        for lines in self.clinicians.values_mut() {
            lines.sort_unstable();
        }
        self.closings.sort_unstable_by_key(|closing| closing.line);
        let Index { patients, clinicians, closings, newest, lines, .. } = self;
        FactsFile { text, patients, clinicians, closings, newest, lines }
    }
}
