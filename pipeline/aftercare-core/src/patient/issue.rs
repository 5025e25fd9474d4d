//! Which rows are due: rows are formed anew from the facts in force and compared with what was issued.

use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

use super::compare::{Said, compare, said};
use super::course::{Course, Places};
use super::judge::{Case, Tools, rows_of};
use super::names::Sym;
use super::own::{Entry, Group};
use super::record::{Issued, RECEIPT_DUE, Record, Upload};
use super::rows::{Changes, Judges, ReceiptChange, ScoreChange, Scratch};
use super::{Due, Patient};
use crate::time::Instant;

impl Patient {
    pub(super) fn issue_receipts(&mut self, out: &mut Changes) {
        for record in self.store.flagged(RECEIPT_DUE).filter_map(|at| self.store.record(at)) {
            let (outcome, reason) = record.outcome.words();
            let attribution = self.attribution_of(record.episode, record.event_at);
            out.receipts.push(ReceiptChange {
                kind: record.kind,
                id: record.id.shared(),
                revision: record.revision,
                outcome,
                reason,
                copies: record.copies(),
                duplicates: record.duplicates,
                conflicts: record.conflicts,
                stored_at: record.stored_at,
                attribution: self.owned(attribution, &mut out.scratch.shared),
                source: record.source,
            });
        }
        if !out.receipts.is_empty() {
            self.store.receipts_issued();
        }
        out.receipts.sort_unstable_by(|one, other| {
            (one.kind, &one.id, one.revision).cmp(&(other.kind, &other.id, other.revision))
        });
    }

    pub(super) fn issue_scores(&mut self, judges: &Judges<'_>, out: &mut Changes) {
        let from = match std::mem::take(&mut self.due) {
            Due::Nothing => return,
            Due::All => None,
            Due::From(at) => Some(at),
        };
        let mut uploads = std::mem::take(&mut out.scratch.uploads);
        self.store.uploads(&mut uploads);
        let early =
            |at: &usize| from.zip(self.store.view(*at)).is_some_and(|(from, view)| view.event_at < from);
        let first_due = uploads.partition_point(early);
        let mut updates = Vec::new();
        let mut own = std::mem::take(&mut out.scratch.own);
        self.own.read(&mut own);
        let places = Places { uploads: &uploads, first_due };
        let mut judge = Judge::new(self, judges, places, &own, &mut out.scratch);
        for (ordinal, at) in uploads.iter().enumerate().skip(first_due) {
            if let Some(issued) = judge.upload(ordinal, *at, &mut out.scores) {
                updates.push((*at, issued));
            }
        }
        let mut tails = Vec::with_capacity(judge.courses.len());
        tails.extend(judge.courses.iter().filter_map(Course::tail));
        let (groups, said) = (judge.groups, judge.said);
        self.tails = tails.into_boxed_slice();
        self.own.groups = groups;
        let mut last_sequence = judges.last_sequence;
        for said in &said {
            self.contribute(said, &mut last_sequence, &mut own, out);
        }
        // from behind, so that the places of those before stay
        for (at, issued) in updates.into_iter().rev() {
            self.store.set_issued(at, issued);
        }
        out.scratch.uploads = uploads;
        out.scratch.own = own;
    }
}

/// Forms the rows of one patient.
struct Judge<'a> {
    judges: &'a Judges<'a>,
    /// What the patient contributed to curves so far.
    own: &'a [Entry],
    /// The last group of contributions.
    groups: Group,
    /// What the scores say to curves.
    said: Vec<Said>,
    places: Places<'a>,
    episodes: Vec<Sym>,
    courses: Vec<Course<'a>>,
    tools: Tools<'a>,
}

impl<'a> Judge<'a> {
    fn new(
        patient: &'a Patient,
        judges: &'a Judges<'a>,
        places: Places<'a>,
        own: &'a [Entry],
        scratch: &'a mut Scratch,
    ) -> Judge<'a> {
        let episodes = patient.episode_syms();
        let tools = Tools::new(patient, places.uploads, scratch);
        let groups = patient.own.groups;
        Judge { judges, own, groups, said: Vec::new(), places, episodes, courses: Vec::new(), tools }
    }

    /// Adds the rows of one upload that differ from what was issued; answers what is issued now, where it changed.
    fn upload(&mut self, ordinal: usize, at: usize, out: &mut Vec<ScoreChange>) -> Option<Vec<Issued>> {
        let view = self.tools.patient.store.view(at)?;
        let record = view.record()?;
        let upload = record.upload.as_ref()?;
        let upload_id: Arc<str> = record.id.shared();
        let mut issued = upload.issued.clone();
        for (episode, stands) in self.episodes_of(&record, upload) {
            let known = issued.iter().position(|issued| issued.episode == episode);
            let had = known.and_then(|known| issued.get(known)).copied();
            let course = if stands { self.course(episode, ordinal, view.event_at) } else { None };
            let course = course.and_then(|course| self.courses.get(course));
            let start = out.len();
            let case = Case { record: &record, upload, upload_id: &upload_id, episode, course, had };
            let composite = rows_of(&case, &mut self.tools, out);
            let rows = out.get_mut(start..).unwrap_or_default();
            if let Some(course) = course {
                compare(self.tools.patient, course, self.judges, self.own, rows);
            }
            let Some(said) = said(course, had.map_or(0, |had| had.group), rows) else { continue };
            let digest = digest(rows, &mut self.tools.scratch.bytes);
            if had.is_some_and(|had| (had.composite, had.digest) == (composite, digest)) {
                out.truncate(start);
            }
            let now = Issued { episode, composite, group: self.take(said), digest };
            match known.and_then(|known| issued.get_mut(known)) {
                Some(entry) => *entry = now,
                None => issued.push(now),
            }
        }
        (issued != upload.issued).then_some(issued)
    }

    /// Takes what rows say to curves; answers their group, 0 while they never said anything.
    fn take(&mut self, mut said: Said) -> Group {
        if said.group == 0 {
            if said.is_empty() {
                return 0;
            }
            self.groups += 1;
            said.group = self.groups;
        }
        let group = said.group;
        self.said.push(said);
        group
    }

    /// The episodes that the upload counts for, and those for which it was issued and counts no more; by id.
    fn episodes_of(&self, record: &Record<'_>, upload: &Upload<'_>) -> Vec<(Sym, bool)> {
        let counts = |episode: &Sym| !upload.withdrawn && record.episode.is_none_or(|own| own == *episode);
        let standing = self.episodes.iter().copied().filter(counts);
        let mut episodes: Vec<(Sym, bool)> = standing.map(|episode| (episode, true)).collect();
        for issued in &upload.issued {
            if episodes.iter().all(|(episode, _)| *episode != issued.episode) {
                episodes.push((issued.episode, false));
            }
        }
        episodes.sort_unstable_by_key(|(episode, _)| self.tools.patient.names.text(*episode));
        episodes
    }

    /// The episode as its plan at the time of the answer sees it, with this upload fed last.
    fn course(&mut self, episode: Sym, ordinal: usize, at: Instant) -> Option<usize> {
        let patient = self.tools.patient;
        let zones = &mut self.tools.scratch.zones;
        let key = (episode, patient.plan_at(episode, at));
        let known = self.courses.iter().position(|course| (course.episode, course.plan_id) == key);
        let position = known.unwrap_or_else(|| {
            self.courses.push(Course::new(patient, self.judges.library, key, self.places, zones));
            self.courses.len() - 1
        });
        self.courses.get_mut(position)?.advance(ordinal, zones);
        Some(position)
    }
}

/// A digest of everything that the rows of one upload and episode say.
fn digest(rows: &[ScoreChange], bytes: &mut Vec<u8>) -> u64 {
    bytes.clear();
    if let Some(row) = rows.first() {
        write_common(row, bytes);
    }
    for row in rows {
        write_own(row, bytes);
    }
    xxh3_64(bytes)
}

/// What is the same in all rows of one upload and episode.
fn write_common(row: &ScoreChange, out: &mut Vec<u8>) {
    for text in [&*row.episode_id, &row.upload_id, &row.respondent, row.source.as_str()] {
        write_text(text, out);
    }
    let attribution = &row.attribution;
    let texts = [
        &attribution.organisation,
        &attribution.care_team,
        &attribution.clinician_id,
        &attribution.manufacturer,
        &attribution.procedure,
    ];
    for text in texts {
        write_optional(text.as_deref(), out);
    }
    write_word(i64::from(row.upload_revision).cast_unsigned(), out);
    for at in [row.answered_at, row.uploaded_at, row.stored_at] {
        write_word(at.0.cast_unsigned(), out);
    }
    write_number(row.days_since_treatment, out);
}

fn write_own(row: &ScoreChange, out: &mut Vec<u8>) {
    for text in [&*row.instrument, &row.value_set, row.status.as_str()] {
        write_text(text, out);
    }
    let texts = [
        row.reason,
        row.index_rule,
        row.baseline_upload_id.as_deref(),
        row.cohort.as_deref(),
        row.curve_edition.as_deref(),
    ];
    for text in texts {
        write_optional(text, out);
    }
    write_word(u64::from(row.expected_n.unwrap_or(0)), out);
    write_word(i64::from(row.instrument_version).cast_unsigned(), out);
    write_word(u64::from(row.uploads_done) << 32 | u64::from(row.uploads_due), out);
    let numbers = [
        row.score,
        row.baseline,
        row.index,
        row.change_mcid,
        row.ewma,
        row.mean_28d,
        row.slope_56d,
        row.expected,
        row.expected_sd,
        row.forecast,
        row.forecast_sd,
        row.level,
        row.change_errors,
        row.trend_errors,
    ];
    for number in numbers {
        write_number(number, out);
    }
    write_word(row.scales.len() as u64, out);
    for (name, value) in &row.scales {
        write_text(name, out);
        write_word(value.to_bits(), out);
    }
}

fn write_word(word: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(&word.to_le_bytes());
}

fn write_number(number: Option<f64>, out: &mut Vec<u8>) {
    out.push(u8::from(number.is_some()));
    write_word(number.unwrap_or(0.0).to_bits(), out);
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    write_word(text.len() as u64, out);
    out.extend_from_slice(text.as_bytes());
}

fn write_optional(text: Option<&str>, out: &mut Vec<u8>) {
    out.push(u8::from(text.is_some()));
    write_text(text.unwrap_or(""), out);
}
