//! What becomes of each record with an id: taken, rejected or waiting, and which revision is in force.

use aftercare_core::documents::Library;
use aftercare_core::facts::Answer;
use aftercare_core::score::ScoreOutcome;
use aftercare_schemas::codec;
use aftercare_schemas::wire::{ClinicalEvent, Enrolment, Form, PromResponse};

use super::enrolments::{Episodes, knows_zone};
use super::ledger::Facts;
use super::{Copy, Expected, ExpectedReceipt, Limits, Records};

/// An upload in force that is not withdrawn.
pub(super) struct Upload<'a> {
    pub(super) response: PromResponse<'a>,
}

/// What became of one id and revision.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Taken {
        copy: usize,
        unscored: Option<&'static str>,
    },
    Rejected(&'static str),
    /// Nobody was enrolled whom it could count for, or its time lies ahead: it is held, or was given up.
    Waits,
}

/// Judges all records of a patient: writes their receipts, answers the episodes, and the uploads and other facts in force.
pub(super) fn judge<'a>(
    patient_id: &str,
    records: &'a Records,
    library: &Library,
    limits: &Limits,
    expected: &mut Expected,
) -> (Episodes<'a>, Vec<Upload<'a>>, Facts<'a>) {
    let (mut episodes, mut facts) = (Episodes::default(), Facts::default());
    let mut uploads = Vec::new();
    // Enrolments come first, whatever their topic's name sorts to: the others depend on them.
    let (enrolments, others): (Vec<_>, Vec<_>) =
        records.iter().partition(|((topic, ..), _)| *topic == "enrolments");
    for group in by_id(&enrolments).into_iter().chain(by_id(&others)) {
        let fates: Vec<Fate> = group
            .iter()
            .map(|((topic, ..), copies)| fate(topic, copies, &episodes, library, limits))
            .collect();
        let in_force = fates.iter().rposition(|fate| matches!(fate, Fate::Taken { .. }));
        for (n, (((topic, id, revision), copies), fate)) in group.iter().zip(&fates).enumerate() {
            let key = (patient_id.to_owned(), (*topic).to_owned(), id.clone(), *revision);
            let superseded = in_force.is_some_and(|force| n < force);
            expected.receipts.insert(key, receipt(copies, *fate, superseded));
            let Fate::Taken { copy, .. } = *fate else { continue };
            let copy = &copies[copy];
            match *topic {
                "enrolments" => episodes.add(reread(topic, copy), copy.withdrawn, !superseded),
                _ if superseded || copy.withdrawn => {}
                "prom-responses" => uploads.push(Upload { response: reread(topic, copy) }),
                topic => facts.add(topic, copy),
            }
        }
    }
    uploads.sort_by(|a, b| a.order().cmp(&b.order()));
    (episodes, uploads, facts)
}

impl Upload<'_> {
    pub(super) fn order(&self) -> (i64, i64, &str) {
        (self.response.answered_at, self.response.uploaded_at, self.response.id)
    }
}

pub(super) type Entry<'a> = (&'a (&'static str, String, i32), &'a Vec<Copy>);

/// Neighbours with one topic and id, revisions ascending.
pub(super) fn by_id<'a, 'b>(records: &'b [Entry<'a>]) -> Vec<&'b [Entry<'a>]> {
    records.chunk_by(|a, b| (a.0.0, &a.0.1) == (b.0.0, &b.0.1)).collect()
}

/// A record that was read before, and written by us.
pub(super) fn reread<'a, T: serde::Deserialize<'a>>(topic: &str, copy: &'a Copy) -> T {
    codec::decode(topic, Some(&copy.canonical), None)
        .expect("it was written by the newest schema of its stream")
}

/// The first copy that is not rejected decides.
fn fate(topic: &str, copies: &[Copy], episodes: &Episodes, library: &Library, limits: &Limits) -> Fate {
    let mut last = Fate::Waits;
    for (n, copy) in copies.iter().enumerate() {
        if topic != "enrolments" && limits.lies_ahead(copy.event_at) {
            return Fate::Waits;
        }
        last = fate_of_copy(topic, n, copy, episodes, library);
        if !matches!(last, Fate::Rejected(_)) {
            break;
        }
    }
    last
}

fn fate_of_copy(topic: &str, n: usize, copy: &Copy, episodes: &Episodes, library: &Library) -> Fate {
    let taken = Fate::Taken { copy: n, unscored: None };
    match topic {
        "enrolments" => {
            let enrolment: Enrolment = reread(topic, copy);
            match enrolment.time_zone {
                _ if copy.withdrawn => taken,
                _ if enrolment.episode_id.is_empty() => Fate::Rejected("missing_id"),
                Some(zone) if !knows_zone(zone) => Fate::Rejected("unknown_time_zone"),
                _ => taken,
            }
        }
        "prom-responses" => {
            let response: PromResponse = reread(topic, copy);
            let forms = if copy.withdrawn { Ok(None) } else { check_forms(&response.forms, library) };
            match forms {
                Err(reason) => Fate::Rejected(reason),
                Ok(unscored) => waits(response.episode_id, n, unscored, episodes),
            }
        }
        "clinical-events" => {
            let event: ClinicalEvent = reread(topic, copy);
            let measured = event.value.is_some() && event.kind.as_str() == "measurement" && !copy.withdrawn;
            let named = event.code.zip(event.unit).filter(|(_, unit)| measured && !unit.is_empty());
            let reads = named.is_none_or(|(code, unit)| library.takes_unit(code, unit));
            waits(None, n, (!reads).then_some("unsupported_unit"), episodes)
        }
        _ => waits(None, n, None, episodes),
    }
}

fn waits(episode: Option<&str>, copy: usize, unscored: Option<&'static str>, episodes: &Episodes) -> Fate {
    if episodes.knows(episode) { Fate::Taken { copy, unscored } } else { Fate::Waits }
}

/// Why a valid upload has no score at all, if so; `Err`: why it is not valid.
fn check_forms(forms: &[Form], library: &Library) -> Result<Option<&'static str>, &'static str> {
    if forms.is_empty() {
        return Err("no_forms");
    }
    let mut unscored = Vec::new();
    for (n, form) in forms.iter().enumerate() {
        let instrument = library.instrument(form.instrument, form.instrument_version);
        let instrument = instrument.ok_or("unknown_instrument")?;
        if forms[..n].iter().any(|earlier| earlier.instrument == form.instrument) {
            return Err("conflicting_content");
        }
        match instrument.score(&answers(form), None) {
            ScoreOutcome::Scored { .. } => {}
            ScoreOutcome::Unscored(reason) => unscored.push(reason.code()),
            ScoreOutcome::Rejected(error) => return Err(error.reason.code()),
        }
    }
    Ok(if unscored.len() == forms.len() { unscored.first().copied() } else { None })
}

pub(super) fn answers<'a>(form: &Form<'a>) -> Vec<Answer<'a>> {
    form.answers.iter().map(|a| Answer { item: a.item, code: a.code }).collect()
}

pub(super) fn receipt(copies: &[Copy], fate: Fate, superseded: bool) -> ExpectedReceipt {
    let (outcomes, reason) = match fate {
        Fate::Taken { .. } if superseded => (vec!["accepted"], Some("superseded")),
        Fate::Taken { unscored: None, .. } => (vec!["accepted"], None),
        Fate::Taken { unscored, .. } => (vec!["unscored"], unscored),
        Fate::Rejected(reason) => (vec!["rejected"], Some(reason)),
        Fate::Waits => (vec!["held", "rejected"], None),
    };
    // What came before the copy that counts was rejected, and is counted as its duplicate.
    let split = match fate {
        Fate::Taken { copy, .. } => {
            let later = &copies[copy + 1..];
            let same = later.iter().filter(|c| c.canonical == copies[copy].canonical).count();
            Some((copy + same, later.len() - same))
        }
        Fate::Rejected(_) => Some((copies.len() - 1, 0)),
        Fate::Waits => None,
    };
    ExpectedReceipt {
        outcomes,
        reason,
        copies: count(copies.len()),
        duplicates: split.map(|(duplicates, _)| count(duplicates)),
        conflicts: split.map(|(_, conflicts)| count(conflicts)),
    }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
