//! Which rows are due: rows are formed anew from the facts in force and compared with what was issued.

use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

use super::course::Course;
use super::judge::{Case, Tools, rows_of};
use super::names::Sym;
use super::record::{Issued, Record, Upload, View};
use super::rows::{Changes, ReceiptChange, ScoreChange, Scratch};
use super::{Due, Patient};
use crate::documents::Library;

impl Patient {
    pub(super) fn issue_receipts(&mut self, out: &mut Changes) {
        let due = self.store.views().filter(View::is_receipt_due).filter_map(|view| view.record());
        for record in due {
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

    pub(super) fn issue_scores(&mut self, library: &Library, out: &mut Changes) {
        let from = match std::mem::take(&mut self.due) {
            Due::Nothing => return,
            Due::All => None,
            Due::From(at) => Some(at),
        };
        let early = |view: &View<'_>| from.is_some_and(|from| view.event_at < from);
        let first_due = self.store.uploads().take_while(early).count();
        let mut updates = Vec::new();
        let mut uploads = first_due;
        let mut judge = Judge::new(self, library, first_due, &mut out.scratch);
        for view in self.store.uploads().skip(first_due) {
            if let Some(issued) = judge.upload(uploads, &view, &mut out.scores) {
                updates.push((view.at, issued));
            }
            uploads += 1;
        }
        self.tails = judge.courses.iter().filter_map(|course| course.tail(uploads)).collect();
        // from behind, so that the places of those before stay
        for (at, issued) in updates.into_iter().rev() {
            self.store.set_issued(at, issued);
        }
    }
}

/// Forms the rows of one patient.
struct Judge<'a> {
    library: &'a Library,
    first_due: usize,
    episodes: Vec<Sym>,
    courses: Vec<Course<'a>>,
    tools: Tools<'a>,
}

impl<'a> Judge<'a> {
    fn new(
        patient: &'a Patient,
        library: &'a Library,
        first_due: usize,
        scratch: &'a mut Scratch,
    ) -> Judge<'a> {
        let episodes = patient.episode_syms();
        let tools = Tools::new(patient, scratch);
        Judge { library, first_due, episodes, courses: Vec::new(), tools }
    }

    /// Adds the rows of one upload that differ from what was issued; answers what is issued now, where it changed.
    fn upload(&mut self, ordinal: usize, view: &View<'a>, out: &mut Vec<ScoreChange>) -> Option<Vec<Issued>> {
        let record = view.record()?;
        let upload = record.upload.as_ref()?;
        let upload_id: Arc<str> = record.id.shared();
        let mut issued = upload.issued.clone();
        for (episode, stands) in self.episodes_of(&record, upload) {
            let known = issued.iter().position(|issued| issued.episode == episode);
            let had = known.and_then(|known| issued.get(known)).copied();
            let course = if stands { self.course(episode, ordinal, view) } else { None };
            let course = course.and_then(|course| self.courses.get(course));
            let start = out.len();
            let case = Case { record: &record, upload, upload_id: &upload_id, episode, course, had };
            let composite = rows_of(&case, &mut self.tools, out);
            let rows = out.get(start..).unwrap_or_default();
            if rows.is_empty() {
                continue;
            }
            let now = Issued { episode, composite, digest: digest(rows, &mut self.tools.scratch.bytes) };
            match known.and_then(|known| issued.get_mut(known)) {
                Some(entry) if *entry == now => out.truncate(start),
                Some(entry) => *entry = now,
                None => issued.push(now),
            }
        }
        (issued != upload.issued).then_some(issued)
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
    fn course(&mut self, episode: Sym, ordinal: usize, view: &View<'_>) -> Option<usize> {
        let patient = self.tools.patient;
        let zones = &mut self.tools.scratch.zones;
        let key = (episode, patient.plan_at(episode, view.event_at));
        let known = self.courses.iter().position(|course| (course.episode, course.plan_id) == key);
        let position = known.unwrap_or_else(|| {
            self.courses.push(Course::new(patient, self.library, key, self.first_due, zones));
            self.courses.len() - 1
        });
        self.courses.get_mut(position)?.advance(ordinal, view, zones);
        Some(position)
    }
}

/// A digest of everything that rows say.
fn digest(rows: &[ScoreChange], bytes: &mut Vec<u8>) -> u64 {
    bytes.clear();
    for row in rows {
        write_row(row, bytes);
    }
    xxh3_64(bytes)
}

fn write_row(row: &ScoreChange, out: &mut Vec<u8>) {
    for text in [&row.episode_id, &row.upload_id, &row.instrument, &row.value_set, &row.respondent] {
        write_text(text, out);
    }
    for text in
        [row.status.as_str(), row.reason.unwrap_or(""), row.index_rule.unwrap_or(""), row.source.as_str()]
    {
        write_text(text, out);
    }
    let attribution = &row.attribution;
    let texts = [
        &row.baseline_upload_id,
        &attribution.organisation,
        &attribution.care_team,
        &attribution.clinician_id,
        &attribution.manufacturer,
        &attribution.procedure,
    ];
    for text in texts {
        out.push(u8::from(text.is_some()));
        write_text(text.as_deref().unwrap_or(""), out);
    }
    for whole in [row.upload_revision, row.instrument_version] {
        out.extend(whole.to_le_bytes());
    }
    for count in [row.uploads_done, row.uploads_due] {
        out.extend(count.to_le_bytes());
    }
    for at in [row.answered_at, row.uploaded_at, row.stored_at] {
        out.extend(at.0.to_le_bytes());
    }
    let numbers = [
        row.days_since_treatment,
        row.score,
        row.baseline,
        row.index,
        row.change_mcid,
        row.ewma,
        row.mean_28d,
        row.slope_56d,
    ];
    for number in numbers {
        out.push(u8::from(number.is_some()));
        out.extend(number.unwrap_or(0.0).to_bits().to_le_bytes());
    }
    for (name, value) in &row.scales {
        write_text(name, out);
        out.extend(value.to_bits().to_le_bytes());
    }
    out.push(u8::MAX);
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}
