//! Which score rows are due: rows are formed anew from the facts in force and compared with what was issued.

use xxhash_rust::xxh3::xxh3_64;

use super::course::Course;
use super::judge::{Case, Tools, rows_of};
use super::names::Sym;
use super::record::{Content, Issued, Record, Upload};
use super::rows::{Changes, ScoreChange};
use super::{Due, Patient, usize_of};
use crate::documents::Library;

impl Patient {
    /// The uploads in force, in the order of the timeline.
    pub(super) fn in_order(&self) -> impl Iterator<Item = &Record> {
        self.timeline.iter().filter_map(|entry| self.records.get(usize_of(*entry)))
    }

    pub(super) fn issue_scores(&mut self, library: &Library, out: &mut Changes) {
        let first_due = match std::mem::take(&mut self.due) {
            Due::Nothing => return,
            Due::All => 0,
            Due::From(at) => self.timeline.partition_point(|entry| {
                self.records.get(usize_of(*entry)).is_some_and(|record| record.event_at < at)
            }),
        };
        let mut updates = Vec::new();
        let mut judge = Judge::new(self, library, first_due);
        for (position, record) in self.in_order().enumerate().skip(first_due) {
            if let Some(issued) = judge.upload(position, record, &mut out.scores) {
                updates.push((position, issued));
            }
        }
        for (position, issued) in updates {
            let entry = self.timeline.get(position).copied().map(usize_of);
            let record = entry.and_then(|entry| self.records.get_mut(entry));
            if let Some(Content::Upload(upload)) = record.map(|record| &mut record.content) {
                upload.issued = issued;
            }
        }
    }
}

/// Forms the rows of one patient.
struct Judge<'a> {
    patient: &'a Patient,
    library: &'a Library,
    first_due: usize,
    episodes: Vec<Sym>,
    courses: Vec<Course<'a>>,
    tools: Tools<'a>,
    bytes: Vec<u8>,
}

impl<'a> Judge<'a> {
    fn new(patient: &'a Patient, library: &'a Library, first_due: usize) -> Judge<'a> {
        Judge {
            patient,
            library,
            first_due,
            episodes: patient.episode_syms(),
            courses: Vec::new(),
            tools: Tools::new(patient),
            bytes: Vec::new(),
        }
    }

    /// Adds the rows of one upload that differ from what was issued; answers what is issued now, where it changed.
    fn upload(
        &mut self,
        position: usize,
        record: &'a Record,
        out: &mut Vec<ScoreChange>,
    ) -> Option<Box<[Issued]>> {
        let upload = record.upload()?;
        let mut issued = upload.issued.to_vec();
        for (episode, stands) in self.episodes_of(record, upload) {
            let known = upload.issued.iter().position(|issued| issued.episode == episode);
            let had = known.and_then(|known| upload.issued.get(known)).copied();
            let course = if stands { self.course(episode, record) } else { None };
            let course = course.and_then(|course| self.courses.get(course));
            let start = out.len();
            let case = Case { record, upload, position, episode, course, had };
            let composite = rows_of(&case, &mut self.tools, out);
            let day = course.and_then(|course| course.day(position));
            let rows = out.get(start..).unwrap_or_default();
            if rows.is_empty() {
                continue;
            }
            let now = Issued { episode, day, composite, digest: digest(rows, &mut self.bytes) };
            match known.and_then(|known| issued.get_mut(known)) {
                Some(entry) if entry.digest == now.digest => {
                    out.truncate(start);
                    *entry = now;
                }
                Some(entry) => *entry = now,
                None => issued.push(now),
            }
        }
        (issued[..] != upload.issued[..]).then(|| issued.into_boxed_slice())
    }

    /// The episodes that the upload counts for, and those for which it was issued and counts no more; by id.
    fn episodes_of(&self, record: &Record, upload: &Upload) -> Vec<(Sym, bool)> {
        let standing = self.episodes.iter().filter(|episode| record.counts_for(**episode));
        let mut episodes: Vec<(Sym, bool)> = standing.map(|episode| (*episode, true)).collect();
        for issued in &upload.issued {
            if episodes.iter().all(|(episode, _)| *episode != issued.episode) {
                episodes.push((issued.episode, false));
            }
        }
        episodes.sort_unstable_by_key(|(episode, _)| self.patient.names.text(*episode));
        episodes
    }

    /// The episode as its plan at the time of the answer sees it.
    fn course(&mut self, episode: Sym, record: &Record) -> Option<usize> {
        let plan = self.patient.plan_at(episode, record.event_at);
        let known =
            self.courses.iter().position(|course| (course.episode, course.plan_id) == (episode, plan));
        known.or_else(|| {
            self.courses.push(Course::read(self.patient, self.library, episode, plan, self.first_due));
            self.courses.len().checked_sub(1)
        })
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
    out.extend(text.len().to_le_bytes());
    out.extend(text.as_bytes());
}
